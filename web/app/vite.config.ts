import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The theme is chosen before the first paint, so its few lines block rendering. They cannot stand in the page itself:
 * the policy of the hub allows no inline script.
 */
function themeFirst(): Plugin {
  return {
    name: "theme-first",
    buildStart() {
      if (this.meta.watchMode) return;
      const source = readFileSync(at("src/theme-first.js"), "utf8").replace(/^\/\/.*\n/gm, "");
      this.emitFile({ type: "asset", name: "theme.js", source });
    },
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const built = Object.values(bundle ?? {}).find(
          (file) => file.type === "asset" && file.names.includes("theme.js"),
        );
        return [
          {
            tag: "script",
            attrs: { src: built ? `/${built.fileName}` : "/src/theme-first.js" },
            injectTo: "head-prepend",
          },
        ];
      },
    },
  };
}

type ModuleInfo = { importedIds: readonly string[] } | null;

/**
 * Names the chunk of what is fetched with the page. All of that stays together, also what lazy parts share with it:
 * torn apart it would be bigger.
 */
function main() {
  let start: Set<string> | undefined;
  return (id: string, modules: { getModuleInfo(id: string): ModuleInfo }) => {
    if (!start) {
      start = new Set([at("index.html"), at("src/main.tsx")]);
      for (const one of start) for (const next of modules.getModuleInfo(one)?.importedIds ?? []) start.add(next);
    }
    return start.has(id) ? "main" : null;
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss(), ...(mode === "test" ? [] : [themeFirst()])],
  resolve: {
    alias: {
      "@gatehouse/client/react": at("../sdk/src/react.tsx"),
      "@gatehouse/client": at("../sdk/src/index.ts"),
      ...(mode === "gallery" ? { "/src/main.tsx": at("test/gallery.tsx") } : {}),
    },
  },
  build: {
    // What has light-dark(), popover and <dialog>.
    target: ["chrome123", "edge123", "firefox125", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: main(), debugName: "main" }] } } },
  },
  server: {
    // The hub, for `npm run dev`: GATEHOUSE_ALLOWED_ORIGINS has to name this page.
    proxy: Object.fromEntries(
      ["/auth", "/admin", "/healthz", "/ws"].map((path) => [
        path,
        { target: "http://localhost:8080", ws: path === "/ws" },
      ]),
    ),
  },
  test: {
    environment: "happy-dom",
    setupFiles: ["test/setup.ts"],
    restoreMocks: true,
  },
}));
