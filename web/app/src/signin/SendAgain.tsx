import { useGatehouse } from "@gatehouse/client/react";
import { useState } from "react";
import { Button } from "../ui/Button";
import { Note, Problem } from "../ui/Note";
import { useAct } from "../ui/useAct";

/** Another mail with the link that verifies an address. */
export function SendAgain({ email }: { email: string }) {
  const gh = useGatehouse();
  const [sent, setSent] = useState(false);
  const again = useAct(async () => {
    await gh.auth.resendVerification(email);
    setSent(true);
  });
  if (sent) return <Note>If that account is waiting to be verified, a new mail is on its way.</Note>;
  return (
    <>
      <Problem error={again.error} />
      <Button className="w-full" busy={again.pending} onClick={() => again.run()}>
        Send the mail again
      </Button>
    </>
  );
}
