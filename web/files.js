// Files that were chosen or dropped, folders walked. In a folder, names decide what is a picture.

const PICTURE = /\.(jpe?g|jpe|jfif|mpo|png|apng|webp|gif|bmp|dib|tiff?|avifs?|hei[cf]s?|hif|hic)$/i;

/** Return the files of an input, with their paths. */
export function filesOf(list) {
  return sorted([...list].map((file) => ({
    file,
    path: file.webkitRelativePath || file.name,
    isNamed: !file.webkitRelativePath,
  })));
}

/** Return the files of a drop, and those in its folders. */
export async function filesOfDrop(transfer) {
  // The list of items empties itself with the first wait.
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const files = found.map(({ entry, file }) =>
    entry ? walked(entry, true) : [{ file, path: file.name, isNamed: true }]);
  return sorted((await Promise.all(files)).flat());
}

async function walked(entry, isNamed) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, ""), isNamed }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // Chromium gives a hundred at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const inner of some) found.push(...(await walked(inner, false)));
  }
}

function sorted(files) {
  const taken = files.filter(({ path, isNamed }) => isNamed || PICTURE.test(path));
  taken.sort((one, other) => (one.path < other.path ? -1 : 1));
  return { taken, leftOut: files.length - taken.length };
}
