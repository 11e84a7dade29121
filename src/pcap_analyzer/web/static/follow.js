// Follows analyses by server-sent events, and goes on after a lost connection or a restart of the service.

// Browsers keep six connections to a server, for all pages together; the rest is for uploads.
const MOST_AT_ONCE = 2;
const TRY_AGAIN_MS = 2_000;
const ENDED = new Set(["succeeded", "failed", "cancelled", "expired"]);
const waiting = [];
let followed = 0;

/** Whether nothing more will happen to an analysis by itself. */
export const hasEnded = (status) => ENDED.has(status.status);

/**
 * Call `onStatus` with every status of an analysis until it has ended, or with null when it was deleted. Those that were
 * asked for first come first. Gives a function that ends it.
 */
export function follow(id, onStatus) {
  const one = { id, onStatus, stopped: false, stop: () => {} };
  waiting.push(one);
  next();
  return () => {
    one.stopped = true;
    one.stop();
    next();
  };
}

function next() {
  while (followed < MOST_AT_ONCE && waiting.length) {
    const one = waiting.shift();
    if (!one.stopped) begin(one);
  }
}

function begin(one) {
  followed += 1;
  let events = null;
  let again = 0;
  one.stop = () => {
    one.stop = () => {};
    followed -= 1;
    clearTimeout(again);
    events?.close();
  };
  const tell = (status) => {
    if (status === null || hasEnded(status)) {
      one.stop();
      next();
    }
    one.onStatus(status);
  };
  const listen = () => {
    events = new EventSource(`/api/progress/${one.id}`);
    events.addEventListener("status", (event) => tell(JSON.parse(event.data)));
    events.addEventListener("error", async () => {
      // What is merely broken is opened again by the browser; an answer that is no stream is not.
      if (events.readyState !== EventSource.CLOSED) return;
      if (await isGone(one.id)) {
        if (!one.stopped) tell(null);
      } else again = setTimeout(listen, TRY_AGAIN_MS);
    });
  };
  listen();
}

async function isGone(id) {
  try {
    return (await fetch(`/api/status/${id}`)).status === 404;
  } catch {
    return false;
  }
}
