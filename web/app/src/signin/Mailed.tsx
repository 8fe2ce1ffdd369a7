import { useAuth, useGatehouse } from "@gatehouse/client/react";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { Done, Mail } from "../account/icons";
import { currentArrival, forgetArrival, watchArrival } from "../arrival";
import { Link, navigate } from "../router";
import { Button, buttonClass } from "../ui/Button";
import { Field, PasswordField } from "../ui/Field";
import { Form } from "../ui/Form";
import { Problem } from "../ui/Note";
import { Empty } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { codeOf, renamed } from "../words/errors";
import { Frame } from "./Frame";

const useToken = () => useSyncExternalStore(watchArrival, currentArrival).token;

const toLogin = (
  <Link href="/login" className="link">
    Back to sign-in
  </Link>
);

function GoOn({ children = "Sign in", href = "/login" }: { children?: ReactNode; href?: string }) {
  return (
    <Link href={href} className={buttonClass("main", "w-full")}>
      {children}
    </Link>
  );
}

/** What a link that is used, old or cut off leads to. */
function Stale({ children, below = toLogin }: { children: ReactNode; below?: ReactNode }) {
  return <Frame title="This link doesn't work any more" lead={children} below={below} />;
}

export function Forgot() {
  const gh = useGatehouse();
  const [sent, setSent] = useState(false);
  if (sent)
    return (
      <Frame title="Check your mail" below={toLogin}>
        <Empty icon={<Mail size={22} />} title="If there is such an account, a mail is on its way">
          Its link lets you choose a new password within the hour.
        </Empty>
      </Frame>
    );
  return (
    <Frame title="Forgot your password?" lead="We send you a link to choose a new one." below={toLogin}>
      <Form
        submit="Send the link"
        wide
        onSubmit={async ({ email = "" }) => {
          await gh.auth.forgotPassword(email);
          setSent(true);
        }}
      >
        {(errors) => (
          <Field
            label="E-mail"
            name="email"
            type="email"
            autoComplete="username"
            autoFocus
            required
            spellCheck={false}
            autoCapitalize="none"
            error={errors.email}
          />
        )}
      </Form>
    </Frame>
  );
}

export function Reset() {
  const gh = useGatehouse();
  const token = useToken();
  const [state, setState] = useState<"asking" | "done" | "stale">("asking");
  if (state === "done")
    return (
      <Frame title="Password changed" lead="All your devices were signed out. Sign in with the new password.">
        <GoOn />
      </Frame>
    );
  const again = (
    <Link href="/forgot" className="link">
      Ask for another link
    </Link>
  );
  if (!token || state === "stale")
    return <Stale below={again}>It was used already, is older than it may be, or wasn't copied whole.</Stale>;
  async function reset({ password = "" }: Record<string, string>) {
    try {
      await gh.auth.resetPassword({ token: token ?? "", newPassword: password });
      forgetArrival();
      setState("done");
    } catch (error) {
      if (codeOf(error) === "grant_expired") return setState("stale");
      throw renamed(error, "new_password", "password");
    }
  }
  return (
    <Frame title="Choose a new password" lead="Every device of yours will be signed out." below={toLogin}>
      <Form submit="Change password" wide onSubmit={reset}>
        {(errors) => (
          <PasswordField
            label="New password"
            name="password"
            autoComplete="new-password"
            autoFocus
            required
            error={errors.password}
            hint="At least 8 characters."
          />
        )}
      </Form>
    </Frame>
  );
}

/** Tokens that were sent already: React may draw a page twice, and a token is good once. */
const verified = new Map<string, Promise<void>>();

export function Verify() {
  const gh = useGatehouse();
  const auth = useAuth();
  const token = useToken();
  const verify = useAct((t: string) => {
    const sent = verified.get(t) ?? gh.auth.verifyEmail(t);
    verified.set(t, sent);
    sent.catch((error) => codeOf(error) !== "grant_expired" && verified.delete(t));
    return sent;
  });
  const [done, setDone] = useState(false);
  const [tries, setTries] = useState(0);
  // Once for each token and press.
  useEffect(() => {
    if (token) void verify.run(token).then((ok) => ok && setDone(true));
  }, [token, tries]);
  if (done)
    return (
      <Frame title="Address verified">
        <Empty icon={<Done size={22} className="text-good" />} title="Thank you, that's all" />
        {auth.status === "signed_in" ? <GoOn href="/">To your devices</GoOn> : <GoOn />}
      </Frame>
    );
  if (!token || codeOf(verify.error) === "grant_expired")
    return (
      <Stale>
        It was used already, is older than a day, or wasn't copied whole. If you can sign in, there is nothing left to
        do.
      </Stale>
    );
  return (
    <Frame title="Verifying your address…">
      <Problem error={verify.error} retry={() => setTries(tries + 1)} />
    </Frame>
  );
}

/** "This wasn't me" of a mail. It asks once more, because programs that scan mails follow links too. */
export function NotMe() {
  const gh = useGatehouse();
  const token = useToken();
  const [state, setState] = useState<"asking" | "done" | "stale">("asking");
  const end = useAct(async () => {
    try {
      await gh.auth.notMe(token ?? "");
      forgetArrival();
      setState("done");
    } catch (error) {
      if (codeOf(error) !== "grant_expired") throw error;
      setState("stale");
    }
  });
  if (state === "done")
    return (
      <Frame
        title="That device is signed out"
        lead="Somebody may know your password. Choose a new one now; that signs out every other device too."
      >
        <GoOn href="/forgot">Choose a new password</GoOn>
      </Frame>
    );
  if (!token || state === "stale")
    return (
      <Stale
        below={
          <Link href="/" className="link">
            See your devices
          </Link>
        }
      >
        It is older than a week or wasn't copied whole. You can sign the device out from your list of devices.
      </Stale>
    );
  return (
    <Frame
      title="Wasn't that you?"
      lead="We sign that device out at once. If it was you after all, just close this page."
    >
      <Problem error={end.error} />
      <Button look="bad" className="w-full" busy={end.pending} onClick={() => end.run()}>
        Sign that device out
      </Button>
    </Frame>
  );
}

/** The first admin. */
export function Setup() {
  const gh = useGatehouse();
  const token = useToken();
  const [stale, setStale] = useState(false);
  if (!token || stale)
    return (
      <Stale>
        The set-up link is good for an hour, and only while the hub has no admin. A restart of the hub prints a new one.
      </Stale>
    );
  async function setUp({ email = "", password = "", name = "" }: Record<string, string>) {
    try {
      await gh.auth.setup({ token: token ?? "", email, password, name });
      forgetArrival();
      navigate("/", { replace: true });
    } catch (error) {
      if (codeOf(error) !== "grant_expired") throw error;
      setStale(true);
    }
  }
  return (
    <Frame title="Set up your hub" lead="Make the first account. It is the admin.">
      <Form submit="Create the admin" wide onSubmit={setUp}>
        {(errors) => (
          <>
            <Field label="Name" name="name" autoComplete="name" autoFocus error={errors.name} />
            <Field
              label="E-mail"
              name="email"
              type="email"
              autoComplete="email"
              required
              spellCheck={false}
              autoCapitalize="none"
              error={errors.email}
            />
            <PasswordField
              label="Password"
              name="password"
              autoComplete="new-password"
              required
              error={errors.password}
              hint="At least 8 characters. Longer is better."
            />
          </>
        )}
      </Form>
    </Frame>
  );
}
