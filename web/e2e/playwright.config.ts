import { defineConfig } from "@playwright/test";
import { chromium } from "./support/build";

/**
 * A browser as the distribution ships it, new and empty each time, that asks nobody but the hub. Nothing is tried
 * twice: what works only at the second go does not work.
 */
export default defineConfig({
  testDir: "tests",
  outputDir: "report",
  globalSetup: "./support/build.ts",
  workers: 1, // times are measured, and there may be just two cores
  retries: 0,
  timeout: 60_000,
  globalTimeout: 8 * 60_000,
  expect: { timeout: 5000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: process.env.CI ? [["list"], ["github"]] : [["list"]],
  use: {
    actionTimeout: 5000,
    navigationTimeout: 10_000,
    locale: "en-GB",
    viewport: { width: 1280, height: 800 },
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: chromium,
      chromiumSandbox: false,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
