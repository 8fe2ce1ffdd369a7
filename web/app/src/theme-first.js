// Runs before the first paint. theme.ts keeps the choice; without one the system's counts.
(() => {
  try {
    const chosen = localStorage.getItem("gatehouse.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {}
})();
