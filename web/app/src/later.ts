import { lazy } from "react";

// What is needed neither for signing in nor for one's devices comes in parts of its own.
const entrance = () => import("./signin/Entrance");
const account = () => import("./account/Account");
const staff = () => import("./staff/Staff");

export const Entrance = lazy(entrance);
export const Account = lazy(account);
export const Staff = lazy(staff);

/** Fetches what a link leads to when somebody is about to press it. */
export function ahead(href: string): void {
  const part = href.startsWith("/staff") ? staff : href === "/" ? undefined : account;
  part?.().catch(() => {}); // it is tried again when it is needed
}

/** The second step, while the first is on its way. */
export const entranceAhead = () => void entrance().catch(() => {});
