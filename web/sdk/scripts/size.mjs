// What an app pays: each part bundled, minified, gzip -9. 1 kB is 1,000 bytes. The rest is a chunk of its own, loaded
// when it is first used.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const budgets = { "index.ts": 6000, "react.tsx": 2000, "rest.ts": 2700 };
const shared = { minify: true, write: false, format: "esm", target: "es2022", outdir: "out" };
const at = (name) => new URL(`../src/${name}`, import.meta.url).pathname;
const size = ({ contents }) => gzipSync(contents, { level: 9 }).length;

async function alone(name) {
  const external = ["./rest.js", "react", "react/jsx-runtime"];
  const { outputFiles } = await build({ ...shared, bundle: true, entryPoints: [at(name)], external });
  return size(outputFiles[0]);
}

async function chunk() {
  const entryPoints = [at("index.ts")];
  const { outputFiles } = await build({ ...shared, bundle: true, splitting: true, entryPoints, chunkNames: "[name]" });
  return size(outputFiles.find(({ path }) => path.endsWith("/rest.js")));
}

for (const [name, budget] of Object.entries(budgets)) {
  const bytes = name === "rest.ts" ? await chunk() : await alone(name);
  const over = bytes > budget;
  console.log(`${name}: ${bytes} bytes of ${budget}${over ? ", too large" : ""}`);
  if (over) process.exitCode = 1;
}
