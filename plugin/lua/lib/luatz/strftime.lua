-- luatz.strftime
return require("luatz").strftime
