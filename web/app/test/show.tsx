import { GatehouseProvider } from "@gatehouse/client/react";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { StrictMode } from "react";
import { App } from "../src/App";
import { fakeClient } from "./fake";

type Given = Parameters<typeof fakeClient>[0] & { at?: string };

/** The whole app at an address, with a fake client, under StrictMode as it runs for people. */
export function show({ at = "/", ...given }: Given = {}, change?: (scene: ReturnType<typeof fakeClient>) => void) {
  history.replaceState(null, "", at);
  const scene = fakeClient(given);
  change?.(scene);
  const user = userEvent.setup();
  render(
    <StrictMode>
      <GatehouseProvider client={scene.client}>
        <App />
      </GatehouseProvider>
    </StrictMode>,
  );
  return { ...scene, user };
}

/** A call that waits until it is let go. */
export function held<T = void>() {
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, resolve: (value: T) => settle?.resolve(value), reject: (error: unknown) => settle?.reject(error) };
}
