package gateway

// The bundled plugins register themselves when they are linked in.
import _ "github.com/gibbon-gateway/gibbon/plugins"
