import { now } from "../clock";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const dayLong = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const minute = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const clock = new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** "just now", "3 min ago", "2 hr ago", "yesterday", and after a week the date. Never the future. */
export function ago(at: string, from = now()): string {
  const seconds = Math.max(0, Math.round((from - Date.parse(at)) / 1000));
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 7 * 86_400) return relative.format(-Math.round(seconds / 86_400), "day");
  return `on ${dateOf(at)}`;
}

/** "Mar 3", with the year where it is another. */
export function dateOf(at: string): string {
  const date = new Date(at);
  return (date.getFullYear() === new Date(now()).getFullYear() ? day : dayOfYear).format(date);
}

export const minuteOf = (at: string) => minute.format(new Date(at));
export const clockOf = (at: string) => clock.format(new Date(at));
export const fullTime = (at: string) => full.format(new Date(at));

/** "Today", "Yesterday", or the day in full. */
export function dayOf(at: string, from = now()): string {
  const name = dayLong.format(new Date(at));
  if (name === dayLong.format(from)) return "Today";
  if (name === dayLong.format(from - 86_400_000)) return "Yesterday";
  return name;
}

/** "4:07", for countdowns. */
export function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

/** "about 5 minutes": said once, where the countdown would be said every second. */
export function roughly(seconds: number): string {
  if (seconds < 60) return count(Math.max(1, seconds), "second");
  if (seconds < 5400) return `about ${count(Math.ceil(seconds / 60), "minute")}`;
  return `about ${count(Math.round(seconds / 3600), "hour")}`;
}

/** How long something runs: "3 d 4 h", "2 h 5 min", "40 s". */
export function lasting(since: string, from = now()): string {
  const seconds = Math.max(0, Math.round((from - Date.parse(since)) / 1000));
  const [d, h, m] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min` : `${seconds} s`;
}

const number = new Intl.NumberFormat("en");
export const digits = (n: number) => number.format(n);
export const count = (n: number, one: string, many = `${one}s`) => `${digits(n)} ${n === 1 ? one : many}`;
export const listOf = (names: string[]) => new Intl.ListFormat("en").format(names);
