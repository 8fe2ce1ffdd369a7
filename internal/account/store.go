package account

import "context"

// Store keeps users. All of it is safe for concurrent use on any number of nodes.
type Store interface {
	// InsertUser stores a new user as version 1, stamped with the store's clock. ErrEmailTaken, ErrIdentityTaken.
	InsertUser(ctx context.Context, u User) (User, error)
	// User and UserByEmail answer fault.ErrNotFound when there is none.
	User(ctx context.Context, id string) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	// UserByIdentity is the user linked to an account at a provider: fault.ErrNotFound.
	UserByIdentity(ctx context.Context, provider, subject string) (User, error)
	// UsersByID are those of the users that exist, in any order.
	UsersByID(ctx context.Context, ids []string) ([]User, error)
	// ReplaceUser stores u as version u.Version+1 in one compare-and-set: fault.ErrMoved when the stored version is
	// another. With stamp, ChangedAt becomes the store's clock, and followers will see the change. ErrEmailTaken,
	// ErrIdentityTaken.
	ReplaceUser(ctx context.Context, u User, stamp bool) (User, error)
	ListUsers(ctx context.Context, q Query) (Page, error)

	// Admins is the guard's record; version 0 when there is none yet.
	Admins(ctx context.Context) (Admins, error)
	// PutAdmins stores a as version a.Version+1 in one compare-and-set: fault.ErrMoved.
	PutAdmins(ctx context.Context, a Admins) error
}
