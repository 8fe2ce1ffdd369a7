package outbox

// Resealer seals anew what was not sealed with the current master secret.
type Resealer interface {
	Reseal(purpose string, sealed, aad []byte) (again []byte, changed bool, err error)
}

// Reseal seals the payload with the current master secret, and tells whether it was not.
func (j *Job) Reseal(box Resealer) (changed bool, err error) {
	if j.Payload == nil {
		return false, nil
	}
	payload, changed, err := box.Reseal(purpose, j.Payload, []byte(j.ID))
	if changed {
		j.Payload = payload
	}
	return changed, err
}
