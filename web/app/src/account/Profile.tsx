import type { User } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { ThemeControl } from "../shell/Theme";
import { SendAgain } from "../signin/SendAgain";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Form } from "../ui/Form";
import { Note, Problem } from "../ui/Note";
import { Page, Section } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { dateOf } from "../words/time";
import { Done } from "./icons";

export function Profile({ user }: { user: User }) {
  const gh = useGatehouse();
  return (
    <Page title="Profile" lead={`Account since ${dateOf(user.created_at)}`}>
      <Section title="Name" lead="Shown to your administrators and on your other devices.">
        <Form
          submit="Save"
          onSubmit={async ({ name = "" }) => {
            await gh.auth.updateProfile({ name: name.trim() });
            say("Name saved.");
          }}
        >
          {(errors) => (
            <Field
              bare
              label="Name"
              name="name"
              defaultValue={user.name}
              autoComplete="name"
              error={errors.name}
              className="max-w-sm"
            />
          )}
        </Form>
      </Section>
      <Email user={user} />
      <Section title="Appearance" lead="Kept in this browser.">
        <ThemeControl />
      </Section>
      <Leave user={user} />
    </Page>
  );
}

function Email({ user }: { user: User }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [changing, setChanging] = useState(false);
  const [sent, setSent] = useState("");
  return (
    <Section
      title="E-mail"
      lead={
        <>
          <span className="text-ink">{user.email}</span>{" "}
          {user.email_verified && (
            <span className="badge text-good">
              <Done size={14} /> Verified
            </span>
          )}
        </>
      }
      actions={!changing && <Button onClick={() => setChanging(true)}>Change</Button>}
    >
      {!user.email_verified && (
        <div className="max-w-sm space-y-2">
          <Note look="warn">This address isn't verified yet. Follow the link in the mail we sent.</Note>
          <SendAgain email={user.email} />
        </div>
      )}
      {sent && <Note>We sent a link to {sent}. The address changes when you follow it.</Note>}
      {changing && (
        <Form
          submit="Send the link"
          beside={<Button onClick={() => setChanging(false)}>Cancel</Button>}
          onSubmit={async ({ email = "" }) => {
            await confirmed(() => gh.auth.changeEmail(email));
            setSent(email);
            setChanging(false);
          }}
        >
          {(errors) => (
            <Field
              label="New e-mail"
              name="email"
              type="email"
              autoComplete="email"
              autoFocus
              spellCheck={false}
              autoCapitalize="none"
              error={errors.email}
              className="max-w-sm"
            />
          )}
        </Form>
      )}
    </Section>
  );
}

function Leave({ user }: { user: User }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [deleting, setDeleting] = useState(false);
  const everywhere = useAct(() => gh.auth.signOutEverywhere());
  return (
    <>
      <Section
        title="Sign out everywhere"
        lead="Every device, this one too."
        actions={
          <Button busy={everywhere.pending} onClick={() => everywhere.run()}>
            Sign out everywhere
          </Button>
        }
      >
        {Boolean(everywhere.error) && <Problem error={everywhere.error} />}
      </Section>
      <Section
        title="Delete account"
        lead="Your account, devices and sign-in methods are removed for good."
        actions={
          <Button look="quiet-bad" onClick={() => setDeleting(true)}>
            Delete account
          </Button>
        }
      />
      {deleting && (
        <Dialog title="Delete your account?" onClose={() => setDeleting(false)}>
          <p>This can't be undone. Every device is signed out at once.</p>
          <Form
            submit="Delete my account"
            look="bad"
            beside={<Button onClick={() => setDeleting(false)}>Cancel</Button>}
            onSubmit={async ({ email }) => {
              if (email?.trim().toLowerCase() === user.email) await confirmed(() => gh.auth.deleteAccount());
              else say("Type your e-mail address to confirm.");
            }}
          >
            <Field
              label={`Type ${user.email} to confirm`}
              name="email"
              autoComplete="off"
              autoFocus
              spellCheck={false}
              autoCapitalize="none"
            />
          </Form>
        </Dialog>
      )}
    </>
  );
}
