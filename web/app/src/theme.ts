export type Theme = "system" | "light" | "dark";

const key = "gatehouse.theme"; // theme-first.js reads it before the first paint
const watchers = new Set<() => void>();

export function theme(): Theme {
  return (document.documentElement.dataset.theme as Theme | undefined) ?? "system";
}

export function setTheme(chosen: Theme): void {
  show(chosen);
  try {
    if (chosen === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, chosen);
  } catch {} // storage may be forbidden: the choice lasts as long as the page
}

function show(chosen: Theme) {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  for (const cb of watchers) cb();
}

export function watchTheme(cb: () => void): () => void {
  watchers.add(cb);
  return () => watchers.delete(cb);
}

/** Other tabs follow. */
addEventListener("storage", (e) => {
  if (e.key === key) show(e.newValue === "light" || e.newValue === "dark" ? e.newValue : "system");
});
