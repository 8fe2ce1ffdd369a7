import type { Client, Options } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { Button } from "../ui/Button";
import { type Loaded, useLoad } from "../ui/useLoad";

export const providerNames: Record<string, string> = { google: "Google", github: "GitHub" };

/** What the hub offers, asked once a page. */
const asked = new WeakMap<Client, Promise<Options>>();

export function useOptions(): Loaded<Options> {
  const gh = useGatehouse();
  return useLoad(() => {
    let options = asked.get(gh);
    if (!options) {
      options = gh.options();
      asked.set(gh, options);
      options.catch(() => asked.delete(gh));
    }
    return options;
  });
}

/** A button for each provider that is configured. */
export function ProviderButtons({ providers, redirectTo }: { providers: string[]; redirectTo: string }) {
  const gh = useGatehouse();
  return (
    <>
      {(["google", "github"] as const)
        .filter((provider) => providers.includes(provider))
        .map((provider) => (
          <Button
            key={provider}
            className="w-full"
            icon={<ProviderMark of={provider} />}
            onClick={() => gh.auth.signIn.oauth(provider, { redirectTo })}
          >
            Continue with {providerNames[provider]}
          </Button>
        ))}
    </>
  );
}

/** Drawn by hand, as hints: a provider's own mark comes with rules about how it may look. */
export function ProviderMark({ of }: { of: string }) {
  const box = { width: 18, height: 18, viewBox: "0 0 24 24" } as const;
  if (of === "github")
    return (
      <svg {...box} aria-hidden="true" className="fill-ink">
        <path d="M4 3.5 8.3 6a12 12 0 0 1 7.4 0L20 3.500c.7 1.8.8 3.4.3 4.900A7.5 7.5 0 0 1 22 13c0 4.8-3.6 7.5-10 7.500S2 17.8 2 13a7.5 7.5 0 0 1 1.7-4.600C3.2 6.9 3.3 5.3 4 3.500z" />
      </svg>
    );
  return (
    <svg {...box} aria-hidden="true" fill="none" strokeWidth="4.2">
      <path d="M18.7 6.300A8.8 8.8 0 0 0 4.4 7.6" stroke="#ea4335" />
      <path d="M4.4 7.600a8.8 8.8 0 0 0 0 8.8" stroke="#fbbc05" />
      <path d="M4.4 16.400a8.8 8.8 0 0 0 13.5 2.1" stroke="#34a853" />
      <path d="M17.9 18.500a8.8 8.8 0 0 0 2.9-6.500H12.5" stroke="#4285f4" />
    </svg>
  );
}
