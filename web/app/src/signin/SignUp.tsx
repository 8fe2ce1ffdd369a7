import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { Mail } from "../account/icons";
import { safeNext } from "../next";
import { Link, useQuery } from "../router";
import { Field, PasswordField } from "../ui/Field";
import { Form } from "../ui/Form";
import { Empty } from "../ui/Page";
import { Frame, Or } from "./Frame";
import { ProviderButtons, useOptions } from "./Providers";
import { SendAgain } from "./SendAgain";

export function SignUp() {
  const gh = useGatehouse();
  const [query] = useQuery();
  const options = useOptions();
  const [sent, setSent] = useState("");
  async function signUp({ email = "", password = "", name = "" }: Record<string, string>) {
    if ((await gh.auth.signUp({ email, password, name })) === "verification_sent") setSent(email);
  }
  const login = (
    <>
      Have an account?{" "}
      <Link href={`/login${location.search}`} className="link">
        Sign in
      </Link>
    </>
  );
  if (sent)
    return (
      <Frame title="Check your mail" below={login}>
        <Empty icon={<Mail size={22} />} title="A mail is on its way">
          Follow its link within a day to finish. If nothing comes, look in the spam folder.
        </Empty>
        <SendAgain email={sent} />
      </Frame>
    );
  if (options.data && !options.data.signup)
    return (
      <Frame
        title="Sign-up is closed"
        lead="Accounts here are made by invitation. Ask whoever runs this hub."
        below={login}
      />
    );
  return (
    <Frame title="Create an account" below={login}>
      <Form submit="Create account" wide onSubmit={signUp}>
        {(errors) => (
          <>
            <Field
              label="Name"
              name="name"
              autoComplete="name"
              autoFocus
              error={errors.name}
              hint="What others see. You can change it later."
            />
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
              hint="At least 8 characters."
            />
          </>
        )}
      </Form>
      {options.data && options.data.providers.length > 0 && (
        <div className="space-y-3">
          <Or />
          <ProviderButtons providers={options.data.providers} redirectTo={safeNext(query.get("next"))} />
        </div>
      )}
    </Frame>
  );
}
