package mongo

import (
	"context"
	"fmt"
	"time"
)

// call runs f within callTimeout, names the operation and classifies what the driver said.
func call[T any](ctx context.Context, op string, f func(context.Context) (T, error)) (v T, err error) {
	err = do(ctx, op, callTimeout, func(ctx context.Context) (err error) {
		v, err = f(ctx)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// do is call for what has no answer, and for other times.
func do(ctx context.Context, op string, timeout time.Duration, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := f(bounded); err != nil {
		return fmt.Errorf("%s: %w", op, translate(ctx, err))
	}
	return nil
}
