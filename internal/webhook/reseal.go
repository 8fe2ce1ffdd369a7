package webhook

// Resealer seals anew what was not sealed with the current master secret.
type Resealer interface {
	Reseal(purpose string, sealed, aad []byte) (again []byte, changed bool, err error)
}

// Reseal is the secret, sealed with the current master secret, and whether it was not.
func (w Webhook) Reseal(box Resealer) (secret []byte, changed bool, err error) {
	return box.Reseal(purpose, w.Secret, []byte(w.ID))
}
