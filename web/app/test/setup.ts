import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { forgetArrival } from "../src/arrival";

// The whole page after each failure hides the failure.
configure({ getElementError: (message) => new Error(message ?? "") });

beforeEach(() => {
  history.replaceState(null, "", "/");
  window.scrollTo = vi.fn() as typeof window.scrollTo;
});

afterEach(() => {
  cleanup();
  forgetArrival();
  vi.useRealTimers();
});
