// Holds the budgets of the built app. 1 kB is 1,000 bytes, gzip -9. The first load is every script that /login and /
// fetch; the staff pages are what they add to that.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budgets = { "first load": 95_000, "staff, added": 30_000, style: 10_000 };

const dist = new URL("../dist/", import.meta.url);
const read = (name) => readFileSync(new URL(name, dist), "utf8");
const assets = readdirSync(new URL("assets/", dist)).map((name) => `assets/${name}`);
const named = (pattern) => assets.filter((name) => pattern.test(name));

/** The scripts that come with these: what they import at once. */
function reach(from) {
  const seen = new Set(from);
  for (const name of seen) {
    for (const [, file] of read(name).matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g))
      seen.add(`assets/${file}`);
  }
  return seen;
}

const page = [...read("index.html").matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
const first = reach([...page, ...named(/\/rest-/)]); // the client fetches its rest before somebody presses "Sign in"
const staff = [...reach(named(/\/Staff-/))].filter((name) => !first.has(name));

const sum = (names) => [...names].reduce((n, name) => n + gzipSync(read(name), { level: 9 }).length, 0);
const measured = { "first load": sum(first), "staff, added": sum(staff), style: sum(named(/\.css$/)) };

let wrong = named(/\/rest-/).length !== 1 || named(/\/Staff-/).length !== 1;
if (wrong) console.log("the parts are called otherwise than this script thinks");
for (const [name, budget] of Object.entries(budgets)) {
  const over = measured[name] > budget;
  wrong ||= over;
  console.log(
    `${name.padEnd(12)} ${(measured[name] / 1000).toFixed(1).padStart(6)} kB of ${budget / 1000}${over ? "  TOO MUCH" : ""}`,
  );
}
process.exit(wrong ? 1 : 0);
