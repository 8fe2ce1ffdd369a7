package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// passing are the codes of a server that cannot serve just now: it starts, stops, elects, is full, or was not in time.
// They are listed in src/mongo/base/error_codes.yml of MongoDB.
var passing = []int{
	6,     // HostUnreachable
	7,     // HostNotFound
	13,    // Unauthorized: a role is missing, which an operator can give
	18,    // AuthenticationFailed
	24,    // LockTimeout
	46,    // LockBusy
	50,    // MaxTimeMSExpired
	64,    // WriteConcernTimeout
	79,    // UnknownReplWriteConcern
	89,    // NetworkTimeout
	91,    // ShutdownInProgress
	100,   // UnsatisfiableWriteConcern
	112,   // WriteConflict
	133,   // FailedToSatisfyReadPreference
	134,   // ReadConcernMajorityNotAvailableYet
	189,   // PrimarySteppedDown
	202,   // NetworkInterfaceExceededTimeLimit
	262,   // ExceededTimeLimit
	314,   // ObjectIsBusy
	317,   // ConnectionPoolExpired
	365,   // TemporarilyUnavailable
	462,   // IngressRequestRateLimitExceeded
	9001,  // SocketException
	10058, // LegacyNotPrimary
	10107, // NotWritablePrimary
	11600, // InterruptedAtShutdown
	11601, // Interrupted
	11602, // InterruptedDueToReplStateChange
	13388, // StaleConfig
	13435, // NotPrimaryNoSecondaryOk
	13436, // NotPrimaryOrSecondary
	14031, // OutOfDiskSpace
}

// translate makes fault.ErrUnavailable of what may pass. ctx is the caller's: when it was cancelled, that is the error,
// whatever the driver says.
func translate(ctx context.Context, err error) error {
	var known *fault.Error
	switch {
	case errors.As(err, &known), errors.Is(err, fault.ErrMoved):
		return err
	case errors.Is(err, driver.ErrNoDocuments):
		return fault.ErrNotFound
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case mayPass(err):
		return fault.ErrUnavailable.Because(err)
	}
	return err
}

// mayPass: what is no answer of the server and no value that cannot be written or read is a server that was not
// reached, in whichever of its many ways the driver says so.
func mayPass(err error) bool {
	var answer driver.ServerError
	if errors.As(err, &answer) {
		return driver.IsTimeout(err) || driver.IsNetworkError(err) || unconfirmed(err) ||
			slices.ContainsFunc(answer.ErrorCodes(), func(code int) bool { return slices.Contains(passing, code) })
	}
	var written driver.MarshalError
	var read *bson.DecodeError
	return !errors.As(err, &written) && !errors.As(err, &read)
}

// unconfirmed tells of a write that the primary made and the majority did not confirm: it may still be undone.
func unconfirmed(err error) bool {
	var one driver.WriteException
	var many driver.BulkWriteException
	return errors.As(err, &one) && one.WriteConcernError != nil || errors.As(err, &many) && many.WriteConcernError != nil
}

// emailTaken leaves out the cause, because the server repeats the address in it. An id that is there counts as its
// address: who inserts a user again has both.
func emailTaken(err error) error {
	if driver.IsDuplicateKeyError(err) {
		return account.ErrEmailTaken
	}
	return err
}
