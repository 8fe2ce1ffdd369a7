import type { User, UserPage } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { Link } from "../router";
import { useConfirmed } from "../shell/StepUp";
import { say } from "../shell/status";
import { Button } from "../ui/Button";
import { Copy } from "../ui/Copy";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Form } from "../ui/Form";
import { People } from "../ui/icons";
import { Note, Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { useLoad } from "../ui/useLoad";
import { count, dateOf } from "../words/time";
import { AddPerson } from "./icons";
import { useNames } from "./names";
import { Choice, Roles, SearchBox, Toolbar } from "./parts";
import { useUrlChoice, useUrlQuery } from "./useUrlQuery";

export function Users({ admin }: { admin: boolean }) {
  const gh = useGatehouse();
  const names = useNames();
  const { typed, value, set } = useUrlQuery();
  const [role, setRole] = useUrlChoice("role");
  const [online, setOnline] = useUrlChoice("online");
  const [inviting, setInviting] = useState(false);
  const query = {
    q: value || undefined,
    role: (role || undefined) as "admin" | undefined,
    online: online === "true" ? true : undefined,
  };
  const users = useLoad<UserPage>(async () => {
    const page = await gh.admin.users.list(query);
    names.learn(page.users);
    return page;
  }, JSON.stringify(query));
  const more = useAct(async (page: UserPage) => {
    const next = await gh.admin.users.list({ ...query, cursor: page.next_cursor });
    users.set({ ...next, users: [...page.users, ...next.users] });
  });
  const { data, error } = users;
  return (
    <Page
      wide
      title="Users"
      lead={
        data ? `${count(data.total, "account")}${value || role || online ? " found" : ""}` : "Everybody with an account"
      }
      actions={
        admin && (
          <Button look="main" icon={<AddPerson size={16} />} onClick={() => setInviting(true)}>
            Invite somebody
          </Button>
        )
      }
    >
      <Toolbar>
        <SearchBox label="Search users" value={typed} onChange={set} placeholder="E-mail, name or id" />
        <Choice
          label="Role"
          value={role}
          onChange={setRole}
          options={[
            ["", "Every role"],
            ["moderator", "Moderators"],
            ["admin", "Admins"],
          ]}
        />
        <Choice
          label="Presence"
          value={online}
          onChange={setOnline}
          options={[
            ["", "Online or not"],
            ["true", "Online now"],
          ]}
        />
      </Toolbar>
      {Boolean(error) && (
        <div className="mb-4">
          <Problem
            error={error}
            what={data ? "This list may be old." : "The users can't be shown."}
            retry={users.reload}
          />
        </div>
      )}
      <div className={`card overflow-clip transition-opacity ${data && (error || users.loading) ? "opacity-60" : ""}`}>
        {!data && users.loading && <Skeleton rows={8} />}
        {data && data.users.length > 0 && <UserTable users={data.users} />}
        {data?.users.length === 0 && (
          <Empty icon={<People size={22} />} title="Nobody found">
            A search finds the beginning of a word of an e-mail address or a name, or a whole id.
          </Empty>
        )}
      </div>
      {data?.next_cursor && (
        <div className="mt-4 space-y-2 text-center">
          <Problem error={more.error} />
          <Button busy={more.pending} onClick={() => more.run(data)}>
            Show more
          </Button>
        </div>
      )}
      {inviting && <Invite close={() => setInviting(false)} done={users.reload} />}
    </Page>
  );
}

function UserTable({ users }: { users: User[] }) {
  return (
    <div className="table-box">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Roles</th>
            <th scope="col">Second step</th>
            <th scope="col">Standing</th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          {users.map((u) => (
            <tr key={u.id}>
              <td>
                <Link href={`/staff/users/${u.id}`} className="link">
                  {u.name || u.email}
                </Link>
                {u.name && <p className="text-mute">{u.email}</p>}
              </td>
              <td data-label="Roles">
                <Roles of={u.roles} />
              </td>
              <td data-label="Second step">{secondStep(u)}</td>
              <td data-label="Standing">
                <Standing of={u} />
              </td>
              <td data-label="Since" className="whitespace-nowrap text-mute">
                {dateOf(u.created_at)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function secondStep({ mfa }: User): string {
  return (
    [mfa.totp && "Authenticator", mfa.passkeys > 0 && count(mfa.passkeys, "passkey")].filter(Boolean).join(", ") ||
    "None"
  );
}

export function Standing({ of: u }: { of: User }) {
  if (u.disabled) return <span className="badge bg-bad-soft text-bad">Disabled</span>;
  if (!u.email_verified) return <span className="badge bg-warn-soft text-warn">Unverified</span>;
  return <span className="badge text-good">Active</span>;
}

function Invite({ close, done }: { close: () => void; done: () => Promise<void> }) {
  const gh = useGatehouse();
  const confirmed = useConfirmed();
  const [url, setUrl] = useState<string>();
  async function invite({ email = "", name = "", role = "" }: Record<string, string>) {
    const made = await confirmed(() => gh.admin.users.create({ email, name, roles: role ? ["user", role] : ["user"] }));
    await done();
    if (made.invite_url) return setUrl(made.invite_url);
    say(`An invitation is on its way to ${made.email}.`);
    close();
  }
  if (url)
    return (
      <Dialog title="Send this link yourself" onClose={close}>
        <Note look="warn">This hub sends no mail. The link is good once, for seven days.</Note>
        <p className="rounded-md bg-well p-3 font-mono">{url}</p>
        <Copy text={url} look="main" />
      </Dialog>
    );
  return (
    <Dialog title="Invite somebody" onClose={close}>
      <Form submit="Invite" beside={<Button onClick={close}>Cancel</Button>} onSubmit={invite}>
        {(errors) => (
          <>
            <Field
              label="E-mail"
              name="email"
              type="email"
              autoComplete="off"
              autoFocus
              spellCheck={false}
              autoCapitalize="none"
              error={errors.email}
            />
            <Field label="Name" name="name" autoComplete="off" error={errors.name} />
            <label className="block">
              <span className="mb-1 block font-medium">Role</span>
              <select name="role" className="input">
                <option value="">User</option>
                <option value="moderator">Moderator</option>
                <option value="admin">Admin</option>
              </select>
            </label>
          </>
        )}
      </Form>
    </Dialog>
  );
}
