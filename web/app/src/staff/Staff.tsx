import type { User as Account } from "@gatehouse/client";
import { NotFound } from "../Other";
import { Audit } from "./Audit";
import { Jobs } from "./Jobs";
import { Names } from "./names";
import { Overview } from "./Overview";
import { Sessions } from "./Sessions";
import { User } from "./User";
import { Users } from "./Users";

/** The staff console: a chunk of its own, which only staff fetch. */
export default function Staff({ path, user }: { path: string; user: Account }) {
  return (
    <Names>
      <Room path={path} user={user} />
    </Names>
  );
}

function Room({ path, user }: { path: string; user: Account }) {
  switch (path) {
    case "/staff":
      return <Overview />;
    case "/staff/sessions":
      return <Sessions />;
    case "/staff/users":
      return <Users admin={user.roles.includes("admin")} />;
    case "/staff/jobs":
      return <Jobs />;
    case "/staff/audit":
      return <Audit />;
  }
  const [, id] = path.match(/^\/staff\/users\/([^/]+)$/) ?? [];
  return id ? <User key={id} id={id} me={user} /> : <NotFound />;
}
