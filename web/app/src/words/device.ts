import type { Session } from "@gatehouse/client";
import { listOf } from "./time";

export const nameOf = (s: Session) =>
  s.name || [s.device.browser, s.device.os].filter(Boolean).join(" on ") || "Unknown device";

const countries = new Intl.DisplayNames("en", { type: "region", fallback: "code" });

export function placeOf(s: Session): string {
  if (!s.location) return "Location unknown";
  const { city, country } = s.location;
  const named = /^[A-Z]{2}$/.test(country) ? countries.of(country) : country;
  const place = [city, named].filter(Boolean).join(", ");
  return place ? `${place} (approximate)` : "Location unknown";
}

const ways: Record<string, string> = {
  pwd: "password",
  otp: "authenticator code",
  recovery: "recovery code",
  passkey: "passkey",
  google: "Google",
  github: "GitHub",
};

/** "Password and authenticator code": how it signed in. */
export function signedInBy(s: Session): string {
  const named = s.amr.map((way) => ways[way]).filter((way) => way !== undefined);
  const text = listOf(named);
  return text.charAt(0).toUpperCase() + text.slice(1);
}
