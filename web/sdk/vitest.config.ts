import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: "https://app.test/" } },
    include: ["test/**/*.test.ts?(x)"],
  },
});
