package factor

import (
	"errors"

	"github.com/gatehouse-dev/gatehouse/internal/account"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// Reseal seals what a user's record has sealed with the current secret of the box, and tells whether any was not.
func Reseal(u *account.User, box *seal.Box) (changed bool, err error) {
	owner := []byte(u.ID)
	if u.TOTP != nil {
		again, moved, failed := box.Reseal(totpSecrets, u.TOTP.Secret, owner)
		if moved {
			t := *u.TOTP // others hold the record as it was
			t.Secret, u.TOTP, changed = again, &t, true
		}
		err = failed
	}
	if u.RecoveryKey != nil {
		again, moved, failed := box.Reseal(recoveryKeys, u.RecoveryKey, owner)
		if moved {
			u.RecoveryKey, changed = again, true
		}
		err = errors.Join(err, failed)
	}
	return changed, err
}
