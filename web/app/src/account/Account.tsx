import type { User } from "@gatehouse/client";
import { Activity } from "./Activity";
import { Profile } from "./Profile";
import { Security } from "./Security";

/** One's own account, beside the devices. */
export default function Account({ at, user, must }: { at: string; user: User; must?: boolean }) {
  if (at === "/activity") return <Activity />;
  return at === "/profile" ? <Profile user={user} /> : <Security must={must} />;
}
