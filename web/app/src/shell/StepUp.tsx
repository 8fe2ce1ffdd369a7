import { GatehouseError } from "@gatehouse/client";
import {
  createContext,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useContext,
  useMemo,
  useRef,
  useState,
} from "react";

const Confirm = lazy(() => import("./Confirm"));

/** Does something, and when the hub wants to see a credential first, asks for it and does it again. */
type Confirmed = <T>(act: () => Promise<T>) => Promise<T>;

const Context = createContext<Confirmed>((act) => act());
export const useConfirmed = () => useContext(Context);

export interface Asking {
  methods: string[];
  done: (shown: boolean) => void;
}

export function StepUp({ children }: { children: ReactNode }) {
  const [asking, setAsking] = useState<Asking>();
  const under = useRef<Promise<boolean>>(undefined);
  const ask = useCallback((methods: string[]) => {
    under.current ??= new Promise<boolean>((resolve) => {
      setAsking({ methods, done: resolve });
    }).finally(() => {
      under.current = undefined;
      setAsking(undefined);
    });
    return under.current;
  }, []);
  const confirmed = useMemo<Confirmed>(
    () => async (act) => {
      for (;;) {
        try {
          return await act();
        } catch (error) {
          if (!(error instanceof GatehouseError) || error.code !== "step_up_required") throw error;
          if (!(await ask(error.methods))) throw new GatehouseError("cancelled");
        }
      }
    },
    [ask],
  );
  return (
    <Context value={confirmed}>
      {children}
      <Suspense>{asking && <Confirm key={asking.methods.join()} {...asking} />}</Suspense>
    </Context>
  );
}
