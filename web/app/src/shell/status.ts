/** What was said lately, for the one region that people who listen hear. Messages that come together are read as one. */
let said: string[] = [];
let waiting: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
const watchers = new Set<() => void>();

const together = 150; // ms
const shown = 7000; // ms

export function say(text: string): void {
  if (!waiting.includes(text)) waiting.push(text);
  if (timer === undefined) timer = setTimeout(speak, together);
}

function speak() {
  timer = undefined;
  const spoken = waiting;
  waiting = [];
  show([...said, ...spoken].slice(-3));
  setTimeout(() => show(said.filter((text) => !spoken.includes(text))), shown);
}

function show(next: string[]) {
  said = next;
  for (const cb of watchers) cb();
}

/** A message that was read need not wait for its time. */
export const hush = () => show([]);

/** Nobody is there to hear what waits. */
export function forget(): void {
  clearTimeout(timer);
  timer = undefined;
  waiting = [];
  hush();
}

export const currentlySaid = () => said;

export function watchSaid(cb: () => void): () => void {
  watchers.add(cb);
  return () => watchers.delete(cb);
}
