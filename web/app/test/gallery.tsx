import { GatehouseProvider } from "@gatehouse/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "../src/App";
import { arrive } from "../src/arrival";
import { fakeClient, refusal } from "./fake";
import { aSession, aUser, devices } from "./fixtures";
import "../src/app.css";

/**
 * The app without a hub: `npm run gallery`, then ?as=… in the address, such as /?as=ended. For looking at states that
 * are hard to come by.
 */
const as = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem("as") ?? "admin";
sessionStorage.setItem("as", as);
const scene = fakeClient(
  as === "user" || as === "alone"
    ? { user: aUser({ roles: ["user"] }), ...(as === "alone" && { devices: devices().slice(0, 1) }) }
    : {},
);
const { client, state, socket } = scene;
const never = () => new Promise<never>(() => {});

if (as === "out") state.set({ status: "signed_out", reason: "none" });
if (as === "left") state.set({ status: "signed_out", reason: "signed_out" });
if (as === "ended")
  state.set({
    status: "signed_out",
    reason: {
      reason: "kicked",
      by: { kind: "admin", name: "Grace Hopper" },
      at: new Date().toISOString(),
      message: "Your laptop was reported stolen. Call me.",
    },
  });
if (as === "mfa") state.set({ status: "mfa_required", methods: ["totp", "recovery_code", "passkey"], expiresIn: 300 });
if (as === "loading") state.set({ status: "loading" });
if (as === "unreachable") {
  state.set({ status: "loading" });
  socket.set("reconnecting");
}
if (as === "reconnecting") socket.set("reconnecting");
if (as === "skeleton") {
  Object.assign(client.sessions, { watch: () => () => {} });
  Object.assign(client.factors, { list: never });
  Object.assign(client.auth, { activity: never });
  Object.assign(client.admin, { stats: never });
  Object.assign(client.admin.sessions, { watch: () => () => {} });
}
if (as === "errors") {
  const fail = async () => {
    throw refusal("unavailable", 503, { retry_after: 40 });
  };
  Object.assign(client.sessions, { revoke: fail, rename: fail });
  Object.assign(client.factors, { list: fail });
  Object.assign(client.auth, { activity: fail });
  Object.assign(client.admin, { stats: fail });
  Object.assign(client.admin.users, { list: fail });
}
if (as === "limited") {
  state.set({ status: "signed_out", reason: "none" });
  Object.assign(client.auth.signIn, {
    password: async () => {
      throw refusal("rate_limited", 429, { retry_after: 245 });
    },
  });
}
if (as === "stepup")
  Object.assign(client.factors, {
    recoveryCodes: async () => {
      throw refusal("step_up_required", 403, { methods: ["totp", "password", "recovery_code", "passkey"] });
    },
  });
if (as === "news")
  setTimeout(
    () =>
      scene.devices.set([
        ...(scene.devices.get() ?? []),
        aSession(9, { name: "Chrome on Windows", location: { city: "Minsk", country: "Belarus" }, ip: "198.51.100.9" }),
      ]),
    800,
  );
Object.assign(window, { scene, aSession });

arrive();
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <GatehouseProvider client={client}>
      <App />
    </GatehouseProvider>
  </StrictMode>,
);
