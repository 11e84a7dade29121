// One capture on its way by tus 1.0.0 (https://tus.io/protocols/resumable-upload): in pieces, and on after any break.
import { t } from "./words.js";

const PLACE = "/api/uploads";
// Ends of pieces lie on whole multiples, where the service need not read again what its hash covers.
const PIECE = 32 * 2 ** 20;
// Whether the file is a capture is told by its first bytes: asked with few of them, a refusal is never lost in the noise.
const FIRST_PIECE = 2 ** 16;
// A line on which nothing moves so long is dead, whatever the system says: a laptop that slept hears nothing of it.
const SILENT_MS = 45_000;
const LONGEST_WAIT_S = 30;
// What passes by itself: time-outs, somebody else at it, an offset that moved, bytes that were spoilt, a full queue.
const PASSING = new Set([408, 409, 423, 425, 429, 460]);

/** The service said no; the message is its sentence. */
export class Refusal extends Error {
  constructor(status, message, retryAfterS) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  get passes() {
    return PASSING.has(this.status) || (this.status >= 500 && this.status !== 507);
  }
}

/** No answer came. */
export class Lost extends Error {}

/** The file is not what it was: changed, moved, or on a disk that is gone. */
export class Unreadable extends Error {}

function ask(method, url, signal, { headers = {}, body = null, onSent = () => {} } = {}) {
  const request = new XMLHttpRequest();
  request.open(method, url);
  request.setRequestHeader("Tus-Resumable", "1.0.0");
  request.setRequestHeader("Accept", "application/problem+json");
  const csrf = document.querySelector('meta[name="csrf"]');
  if (csrf) request.setRequestHeader("X-CSRF-Token", csrf.content);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  return new Promise((resolve, reject) => {
    let silence = 0;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => request.abort(), SILENT_MS);
    };
    const stop = () => request.abort();
    request.upload.addEventListener("progress", ({ loaded }) => {
      listen();
      onSent(loaded);
    });
    request.addEventListener("loadend", () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (!request.status) reject(new Lost());
      else if (request.status < 300) resolve(request);
      else reject(refusalOf(request));
    });
    signal.addEventListener("abort", stop);
    if (signal.aborted) reject(signal.reason);
    else {
      listen();
      request.send(body);
    }
  });
}

function refusalOf(request) {
  let message = t("The service answered with status {0}.", request.status);
  try {
    message = JSON.parse(request.responseText).detail;
  } catch {
    // A proxy's own page, or the answer to HEAD, which has no body.
  }
  return new Refusal(request.status, message, Number(request.getResponseHeader("Retry-After")) || 0);
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Announce a capture; the address at which its bytes are taken. */
async function announce(file, signal) {
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${base64(file.name)}` };
  return (await ask("POST", PLACE, signal, { headers })).getResponseHeader("Location");
}

/** How many bytes of an upload have come. */
export async function offsetOf(url, signal = new AbortController().signal) {
  return Number((await ask("HEAD", url, signal)).getResponseHeader("Upload-Offset"));
}

/** Make the service forget an upload, as far as it can be asked. */
export async function terminate(url) {
  await ask("DELETE", url, new AbortController().signal);
}

/**
 * Send a file until the service has all of it; the address of the upload. Breaks are waited out.
 *
 * url: of an upload that was begun before; null for a new one. `told` has the methods `placed(url)`, when it is known
 * where the bytes go or null when the service forgot it; `moved(bytes)`, when so many have gone; and `waits(seconds, why)`,
 * whose promise is awaited before the next try. Rejects with a Refusal that does not pass by itself, with Unreadable, or
 * with the signal's reason.
 */
export async function send(file, url, signal, told) {
  const journey = { file, url, signal, told, known: Boolean(url), offset: 0 };
  let tries = 0;
  for (;;) {
    const before = journey.offset;
    try {
      await goOn(journey);
      return journey.url;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof Lost) && !(error instanceof Refusal && error.passes)) throw error;
      await requireReadable(file);
      tries = journey.offset > before ? 0 : tries + 1;
      await told.waits(error.retryAfterS || waitS(tries), error);
      if (signal.aborted) throw signal.reason;
    }
  }
}

const waitS = (tries) => Math.min(LONGEST_WAIT_S, 2 ** tries) * (0.75 + Math.random() / 2);

async function goOn(journey) {
  const { file, signal, told } = journey;
  if (journey.url) await find(journey);
  if (!journey.url) {
    journey.url = await announce(file, signal);
    journey.known = false;
    journey.offset = 0;
    told.placed(journey.url);
  }
  told.moved(journey.offset);
  while (journey.offset < file.size) await sendPiece(journey);
}

/** Where an upload stands that was begun before; one that the service no longer knows is begun anew. */
async function find(journey) {
  try {
    journey.offset = await offsetOf(journey.url, journey.signal);
  } catch (error) {
    if (!journey.known || ![404, 410].includes(error.status)) throw error;
    journey.url = null;
    journey.told.placed(null);
  }
}

async function sendPiece(journey) {
  const { file, url, offset, signal, told } = journey;
  const end = offset ? (Math.floor(offset / PIECE) + 1) * PIECE : FIRST_PIECE;
  const answer = await ask("PATCH", url, signal, {
    headers: { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) },
    body: file.slice(offset, end),
    onSent: (bytes) => told.moved(offset + bytes),
  });
  journey.offset = Number(answer.getResponseHeader("Upload-Offset"));
  journey.known = false;
  told.moved(journey.offset);
}

/** A browser tells a file that cannot be read as a broken connection. */
async function requireReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Unreadable(t("This file can no longer be read: it was changed or moved. Choose it again."));
  }
}
