import { Component, type ReactNode } from "react";
import { Button } from "./Button";

/** The last resort: a part of the app that could not be fetched (it may be older than the hub), or a bug. */
export class Broken extends Component<{ children: ReactNode; at?: string }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  /** Another page may well work. */
  override componentDidUpdate(before: { at?: string }) {
    if (this.state.broken && before.at !== this.props.at) this.setState({ broken: false });
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <div className="mx-auto max-w-sm px-4 pt-24 text-center" role="alert">
        <h1 className="text-lg font-semibold">This page stopped working</h1>
        <p className="mt-2 mb-6 text-mute">
          Perhaps the hub was updated. Loading it again usually helps, and nobody is signed out.
        </p>
        <Button look="main" onClick={() => location.reload()}>
          Load again
        </Button>
      </div>
    );
  }
}
