import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import axe from "axe-core";

/** Where pictures are kept. Without GATEHOUSE_SHOTS none are made. */
const folder = process.env.GATEHOUSE_SHOTS;

export async function shot(page: Page, name: string, as: "light" | "dark" | "360"): Promise<void> {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}-${as}.png`), animations: "disabled" });
}

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe-core finds, in a line each. */
export async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const results = await page.evaluate(
    (values) =>
      (window as unknown as { axe: typeof axe }).axe.run({
        runOnly: { type: "tag", values },
        resultTypes: ["violations"],
      }),
    rules,
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary?.replaceAll("\n", " ")}`),
  );
}

/** Boxes that scroll sideways, the page itself among them, and what stands out of the window. */
export function sideways(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    /** For those who listen only: cut down to a point, itself or with what it is part of. */
    const unseen = (box: Element | null): boolean => {
      for (let one = box; one && one !== document.body; one = one.parentElement) {
        const { width, height } = one.getBoundingClientRect();
        if (width <= 1 || height <= 1) return true;
      }
      return !box?.checkVisibility();
    };
    const wide = document.scrollingElement;
    if (wide && wide.scrollWidth > innerWidth) found.push(`page: ${wide.scrollWidth} of ${innerWidth}`);
    for (const box of document.querySelectorAll<HTMLElement>("body *")) {
      const { overflowX } = getComputedStyle(box);
      const name = `${box.tagName.toLowerCase()}.${box.className}`;
      if (/auto|scroll/.test(overflowX) && box.scrollWidth > box.clientWidth + 1) found.push(`scrolls: ${name}`);
      const { left, right } = box.getBoundingClientRect();
      if ((right > innerWidth + 1 || left < -1) && !unseen(box)) found.push(`stands out: ${name}`);
    }
    return found;
  });
}
