"""A scan on a cluster: the keys are the data set, actors of Ray fetch, judge and write parts."""
