// What the scripts say, in the page's language; numbers as its readers write them, the same as on the server.
const { lang } = document.documentElement;
const known = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
const plurals = new Intl.PluralRules(lang);
const UNITS = { en: ["B", "kB", "MB", "GB", "TB"], fr: ["o", "ko", "Mo", "Go", "To"] }[lang];
const SPACE = "\u00a0";

/** A message in the page's language, its places {0}, {1}, … filled. */
export function t(message, ...values) {
  return (known[message] ?? message).replace(/\{(\d)\}/g, (_, place) => values[place]);
}

/** Whether a language says this many of something in the singular. */
export const isOne = (number) => plurals.select(number) === "one";

export const count = (number) => whole.format(number);

/** 1400000 is "1.40 MB". */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${unit ? threeDigits(value) : whole.format(value)}${SPACE}${UNITS[unit]}`;
}

function threeDigits(value) {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toLocaleString(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export const percent = (share) => `${whole.format(Math.floor(share))}${SPACE}%`;

/** 200 is "3 min 20 s"; of two units, no more. */
export function duration(seconds) {
  const s = Math.max(1, Math.round(seconds));
  if (s < 60) return `${s}${SPACE}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${SPACE}min${s < 600 && s % 60 ? ` ${s % 60}${SPACE}s` : ""}`;
  return `${whole.format(Math.floor(s / 3600))}${SPACE}h ${Math.floor((s % 3600) / 60)}${SPACE}min`;
}

/** Tell those who listen rather than look. Only what changes seldom: each sentence is read out whole. */
export function say(sentence) {
  const said = document.getElementById("said");
  if (said.textContent !== sentence) said.textContent = sentence;
}
