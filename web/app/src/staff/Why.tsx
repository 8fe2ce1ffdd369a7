import type { Why as Told } from "@gatehouse/client";
import { Button, type Look } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { Form } from "../ui/Form";

interface Props {
  title: string;
  children: React.ReactNode;
  submit: string;
  look?: Look;
  /** Whether there is somebody to tell. */
  tells?: boolean;
  act: (why: Told) => Promise<unknown>;
  close: () => void;
}

/** Asks staff for the reason, which only the audit keeps, and for words to the person. Both may stay empty. */
export function Why({ title, children, submit, look = "bad", tells = true, act, close }: Props) {
  return (
    <Dialog title={title} onClose={close}>
      <div>{children}</div>
      <Form
        submit={submit}
        look={look}
        beside={<Button onClick={close}>Cancel</Button>}
        onSubmit={async ({ reason, message }) => {
          await act({ reason: reason || undefined, message: message || undefined });
          close();
        }}
      >
        {(errors) => (
          <>
            <Field
              label="Reason"
              name="reason"
              autoComplete="off"
              autoFocus
              error={errors.reason}
              hint="For the audit trail. Only staff see it."
            />
            {tells && (
              <Field
                label="Message"
                name="message"
                autoComplete="off"
                maxLength={200}
                error={errors.message}
                hint="Shown to the person on the page that says they were signed out."
              />
            )}
          </>
        )}
      </Form>
    </Dialog>
  );
}
