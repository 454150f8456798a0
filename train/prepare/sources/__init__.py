"""Sources of a data set's pictures: folders, git repositories, data sets of the hub."""
