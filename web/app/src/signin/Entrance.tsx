import type { AuthState } from "@gatehouse/client";
import type { ComponentType } from "react";
import { Forgot, NotMe, Reset, Setup, Verify } from "./Mailed";
import { Mfa } from "./Mfa";
import { SignUp } from "./SignUp";

const pages: Record<string, ComponentType> = {
  "/signup": SignUp,
  "/forgot": Forgot,
  "/reset": Reset,
  "/verify": Verify,
  "/not-me": NotMe,
  "/setup": Setup,
};

/** What stands before the gate beside the way in itself. */
export default function Entrance({ at, auth }: { at: string; auth?: AuthState }) {
  if (auth?.status === "mfa_required") return <Mfa auth={auth} />;
  const Page = pages[at];
  return Page && <Page />;
}
