import type { User as Account, Why as Told } from "@gatehouse/client";
import { useAdminSessions, useGatehouse } from "@gatehouse/client/react";
import { type ReactNode, useRef, useState } from "react";
import { Link, navigate } from "../router";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Field } from "../ui/Field";
import { Form } from "../ui/Form";
import { Problem } from "../ui/Note";
import { Page, Section, Skeleton } from "../ui/Page";
import { useLoad } from "../ui/useLoad";
import { codeOf } from "../words/errors";
import { count, dateOf } from "../words/time";
import { EventTable } from "./EventTable";
import { useNames } from "./names";
import { PauseButton, Roles } from "./parts";
import { SessionTable } from "./SessionTable";
import { Standing, secondStep } from "./Users";
import { Why } from "./Why";

export function User({ id, me }: { id: string; me: Account }) {
  const gh = useGatehouse();
  const names = useNames();
  const {
    data: user,
    error,
    reload,
    set,
  } = useLoad(async () => {
    const user = await gh.admin.users.get(id);
    names.learn([user]);
    return user;
  });
  const back = (
    <Link href="/staff/users" className="link">
      All users
    </Link>
  );
  if (!user)
    return (
      <Page wide title={codeOf(error) === "not_found" ? "No such user" : "User"} lead={back}>
        {error ? (
          <Problem error={error} retry={codeOf(error) === "not_found" ? undefined : reload} />
        ) : (
          <Skeleton rows={4} />
        )}
      </Page>
    );
  const admin = me.roles.includes("admin");
  return (
    <Page
      wide
      title={user.name || user.email}
      lead={
        <>
          {back} · since {dateOf(user.created_at)}
        </>
      }
      actions={<Copy text={user.id} label="Copy id" />}
    >
      <Problem error={error} what="This may be old." retry={reload} />
      <Facts user={user} />
      <TheirSessions user={user} />
      {admin && <RolesOf user={user} set={set} />}
      {admin && <Message user={user} />}
      <Lately id={id} />
      {admin && <Standings user={user} set={set} self={user.id === me.id} />}
    </Page>
  );
}

function Facts({ user }: { user: Account }) {
  const facts: [string, ReactNode][] = [
    ["E-mail", user.email],
    ["Standing", <Standing key="s" of={user} />],
    ["Roles", <Roles key="r" of={user.roles} />],
    ["Second step", secondStep(user)],
    [
      "Id",
      <span key="i" className="font-mono text-xs">
        {user.id}
      </span>,
    ],
  ];
  return (
    <dl className="card mb-6 grid gap-x-8 gap-y-4 p-4 sm:grid-cols-2 desk:grid-cols-3 desk:p-6">
      {facts.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs font-medium text-mute">{name}</dt>
          <dd className="mt-0.5">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function TheirSessions({ user }: { user: Account }) {
  const gh = useGatehouse();
  const live = useAdminSessions({ q: user.id, limit: 200 });
  const list = useRef<HTMLDivElement>(null);
  const [ending, setEnding] = useState(false);
  const { sessions, error } = live;
  return (
    <section className="card mb-6 overflow-clip" aria-label="Sessions">
      <div className="flex flex-wrap items-center justify-between gap-3 border-b border-line p-4 desk:px-6">
        <h2 className="text-base font-semibold">
          Sessions {sessions && <span className="font-normal text-mute">{live.total}</span>}
        </h2>
        <div className="flex flex-wrap gap-2">
          <PauseButton {...live} />
          <Button disabled={!sessions?.length} onClick={() => setEnding(true)}>
            End all
          </Button>
        </div>
      </div>
      {error && (
        <div className="p-4">
          <Problem error={error} />
        </div>
      )}
      {!sessions && live.isLoading && <Skeleton rows={2} />}
      {sessions && sessions.length > 0 && (
        <SessionTable ofOne sessions={sessions} pendingIds={live.pendingIds} end={live.end} list={list} />
      )}
      {sessions?.length === 0 && <p className="p-4 text-mute desk:px-6">Not signed in anywhere.</p>}
      {ending && (
        <Why
          title="End all sessions?"
          submit="End all sessions"
          close={() => setEnding(false)}
          act={async (why) => say(`${count((await gh.admin.users.endSessions(user.id, why)).ended, "session")} ended.`)}
        >
          <p>{user.email} is signed out on every device at once.</p>
        </Why>
      )}
    </section>
  );
}

function RolesOf({ user, set }: { user: Account; set: (user: Account) => void }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const roles = [
    ["moderator", "Moderator", "Sees users, sessions and the audit, and ends sessions of people who are not staff."],
    ["admin", "Admin", "May do everything."],
  ] as const;
  async function save(values: Record<string, string>) {
    const chosen = ["user", ...roles.map(([role]) => role).filter((role) => values[role])];
    set(await confirmed(() => gh.admin.users.setRoles(user.id, chosen)));
    say("Roles saved. They are in force on open connections too.");
  }
  return (
    <Section title="Roles" lead="Everybody has the role “user”.">
      <Form key={user.roles.join()} submit="Save roles" look="plain" onSubmit={save}>
        <div className="space-y-2">
          {roles.map(([role, name, about]) => (
            <label key={role} className="flex gap-3">
              <input
                type="checkbox"
                name={role}
                defaultChecked={user.roles.includes(role)}
                className="mt-0.5 size-4 accent-ink"
              />
              <span>
                <span className="block font-medium">{name}</span>
                <span className="text-mute">{about}</span>
              </span>
            </label>
          ))}
        </div>
      </Form>
    </Section>
  );
}

function Message({ user }: { user: Account }) {
  const gh = useGatehouse();
  return (
    <Section title="Message" lead="Pushed to this person's open apps, which decide what to do with it.">
      <Form
        submit="Send"
        look="plain"
        className="max-w-sm"
        onSubmit={async ({ name = "", text = "" }) => {
          const { delivered } = await gh.admin.users.message(user.id, { name, data: { text } });
          say(
            delivered ? `Sent to ${count(delivered, "open connection")}.` : "Nobody is connected, so nothing was sent.",
          );
        }}
      >
        {(errors) => (
          <>
            <Field label="Name" name="name" defaultValue="notice" autoComplete="off" error={errors.name} />
            <Field label="Text" name="text" autoComplete="off" error={errors.data} />
          </>
        )}
      </Form>
    </Section>
  );
}

function Lately({ id }: { id: string }) {
  const gh = useGatehouse();
  const { data, error, reload } = useLoad(() => gh.admin.audit.list({ target: id, limit: 10 }));
  return (
    <section className="card mb-6 overflow-clip" aria-label="Lately">
      <div className="flex flex-wrap items-center justify-between gap-3 border-b border-line p-4 desk:px-6">
        <h2 className="text-base font-semibold">Lately</h2>
        <Link href={`/staff/audit?q=${id}`} className="link">
          In the audit
        </Link>
      </div>
      {Boolean(error) && (
        <div className="p-4">
          <Problem error={error} retry={reload} />
        </div>
      )}
      {!data && !error && <Skeleton rows={3} />}
      {data && data.events.length > 0 && <EventTable events={data.events} />}
      {data?.events.length === 0 && <p className="p-4 text-mute desk:px-6">Nothing was done to this account.</p>}
    </section>
  );
}

type Doing = "disable" | "enable" | "reset" | "remove";

/** What makes a difference to somebody's life stands at the end, and asks. */
function Standings({ user, set, self }: { user: Account; set: (user: Account) => void; self: boolean }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [doing, setDoing] = useState<Doing>();
  const close = () => setDoing(undefined);
  const acts: Record<
    Doing,
    { title: string; submit: string; about: string; tells: boolean; act: (why: Told) => Promise<unknown> }
  > = {
    disable: {
      title: "Disable this account?",
      submit: "Disable account",
      about: `${user.email} is signed out everywhere and can't sign in until it is enabled again.`,
      tells: true,
      act: async (why) => set(await confirmed(() => gh.admin.users.disable(user.id, why))),
    },
    enable: {
      title: "Enable this account?",
      submit: "Enable account",
      about: `${user.email} can sign in again.`,
      tells: false,
      act: async (why) => set(await confirmed(() => gh.admin.users.enable(user.id, why))),
    },
    reset: {
      title: "Reset the second step?",
      submit: "Reset second step",
      about: `The authenticator app, passkeys and recovery codes of ${user.email} are removed, and every device is signed out. Do this only when you know who asks.`,
      tells: true,
      act: async (why) => set(await confirmed(() => gh.admin.users.resetFactors(user.id, why))),
    },
    remove: {
      title: "Delete this account?",
      submit: "Delete account",
      about: `${user.email} is removed for good. Audit rows keep the id.`,
      tells: false,
      act: async () => {
        await confirmed(() => gh.admin.users.remove(user.id));
        say(`${user.email} is deleted.`);
        navigate("/staff/users");
      },
    },
  };
  const asked = doing && acts[doing];
  return (
    <Section
      title="Standing"
      lead={
        self
          ? "This is you. The last admin can be neither disabled nor deleted."
          : "Each of these asks before it happens."
      }
    >
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => setDoing("reset")} disabled={!user.mfa.totp && !user.mfa.passkeys}>
          Reset second step
        </Button>
        {user.disabled ? (
          <Button onClick={() => setDoing("enable")}>Enable account</Button>
        ) : (
          <Button onClick={() => setDoing("disable")}>Disable account</Button>
        )}
        <Button look="quiet-bad" onClick={() => setDoing("remove")}>
          Delete account
        </Button>
      </div>
      {asked && (
        <Why
          title={asked.title}
          submit={asked.submit}
          look={doing === "enable" ? "main" : "bad"}
          tells={asked.tells}
          act={asked.act}
          close={close}
        >
          <p>{asked.about}</p>
        </Why>
      )}
    </Section>
  );
}
