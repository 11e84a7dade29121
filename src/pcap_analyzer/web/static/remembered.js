// Uploads that are not whole, kept by this browser: after a reload, the same file goes on where it stood.
//
// A page may not keep a file, only what it is called: name, size and time of its last change. Who chooses the same file
// again is led back to its upload.
const PREFIX = "pcap-analyzer-upload ";
// Whoever sends says so every second; silence of so long means that nobody does.
const ALIVE_MS = 5_000;

const keyOf = (file) => `${PREFIX}${file.size} ${file.lastModified} ${file.name}`;

/** What is kept of a file: { name, size, url, aliveAt }; null for nothing. */
export function recall(file) {
  return read(keyOf(file));
}

/** Keep where a file's bytes go; once more, while they go. */
export function remember(file, url) {
  write(keyOf(file), { name: file.name, size: file.size, url, aliveAt: Date.now() });
}

/** Say that nobody sends it any more; it can be gone on with. */
export function release(file) {
  const kept = recall(file);
  if (kept) write(keyOf(file), { ...kept, aliveAt: 0 });
}

export function forget(file) {
  remove(keyOf(file));
}

/** Whether another page of this browser sends it now. */
export const isAlive = (kept) => Date.now() - kept.aliveAt < ALIVE_MS;

/** Uploads of this browser that are not whole: [key, what is kept]. */
export function unfinished() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => [key, read(key)]).filter(([, kept]) => kept);
  } catch {
    return [];
  }
}

export function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Storage that is turned off has kept nothing.
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, kept) {
  try {
    localStorage.setItem(key, JSON.stringify(kept));
  } catch {
    // Without storage an upload lives as long as its page.
  }
}
