import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const chromium = process.env.CHROMIUM || "/usr/bin/chromium";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Builds the binary once, with the app inside that `npm run build` left there. GATEHOUSE_BINARY names one that is built
 * already.
 */
export default function build() {
  if (!existsSync(chromium))
    throw new Error(`There is no browser at ${chromium}: apt-get install chromium, or set CHROMIUM.`);
  if (process.env.GATEHOUSE_BINARY) return;
  if (!existsSync(join(root, "web/app/dist/index.html")))
    throw new Error("The app is not built: run `npm run e2e` in web/, which builds it first.");
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-e2e-"));
  const binary = join(folder, "gatehouse");
  execFileSync("go", ["build", "-o", binary, "./cmd/gatehouse"], { cwd: root, stdio: "inherit" });
  process.env.GATEHOUSE_BINARY = binary; // workers are started with it
  return () => rmSync(folder, { recursive: true, force: true });
}
