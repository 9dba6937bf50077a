/*
 * Stored passwords that other programs made; the password is "pencil" in all of them. By
 * `doveadm pw -s SCHEME -p pencil` (Dovecot 2.3.19, Debian 12) where not said otherwise. For tests.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_VECTORS_H
#define MANSIO_MODULES_AUTH_PASSWORD_VECTORS_H

static const struct auth_vector {
    const char *scheme; /* that is found in it */
    const char *stored;
} auth_vectors[] = {
    {"PLAIN", "{PLAIN}pencil"},
    {"PLAIN", "{plain}pencil"},
    {"PLAIN", "{PLAIN.HEX}70656e63696c"},
    {"PLAIN", "{PLAIN.b64}cGVuY2ls"},
    {"CLEARTEXT", "{CLEARTEXT}pencil"},
    {"CLEARTEXT", "{CLEAR}pencil"},
    {"SHA", "{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/o="},
    {"SHA", "{SHA1}0vxRJJChUDZGC1SJQBQ51tpUB/o="},
    {"SHA", "{SHA.HEX}d2fc512490a15036460b5489401439d6da5407fa"},
    {"SHA", "{SHA}d2fc512490a15036460b5489401439d6da5407fa"},
    {"SSHA", "{SSHA}vC0RgwiL9hR9/VMW7clE610Tco81TJWI"},
    {"SHA256", "{SHA256}E4CWaPtDY4Zwb2fcsFLtWEoEuhaowCoX1m00ww/O2iE="},
    {"SHA256", "{SHA256}E4CWaPtDY4Zwb2fcsFLtWEoEuhaowCoX1m00ww/O2iE"},
    {"SHA256", "{SHA256.HEX}13809668fb436386706f67dcb052ed584a04ba16a8c02a17d66d34c30fceda21"},
    {"SSHA256", "{SSHA256}+X4lL+5T4Jt1VEyDc2RFI+iYZQmS6DwyPfCkrDkJrjqcKNdX"},
    {"SSHA256",
     "{SSHA256.HEX}bfcb4056d90e8d20e7158055cb06c050c82dce8c70b0dc15f544ff85534baf3c49d901aa"},
    {"SHA512", "{SHA512}Gd8Bqrgo+NUINrp1cJcTrtInM1344YZDkYXAbJF6Kn03cat24wfPo7a4nvGmaC1mgd3xGISHD"
               "l3hPnk/uVXu6w=="},
    {"SHA512", "{SHA512.B64}Gd8Bqrgo+NUINrp1cJcTrtInM1344YZDkYXAbJF6Kn03cat24wfPo7a4nvGmaC1mgd3xG"
               "ISHDl3hPnk/uVXu6w=="},
    {"SSHA512", "{SSHA512}iCk7j6QvxTI/LtB8oEI4JTU8m5eVJU9MtUcwg1b1p7eeQKiOVzJoisccHtqI539KzWDqCWx1"
                "s5LitDNyQst+PJP3yMQ="},
    {"MD5-CRYPT", "{MD5-CRYPT}$1$QK6GSWTZ$bGFDkCcwEXKUdNxLovzVf0"},
    {"DES-CRYPT", "{DES-CRYPT}waeRcmaSQf8ww"},
    {"DES-CRYPT", "{CRYPT}waeRcmaSQf8ww"},
    {"SHA256-CRYPT", "{SHA256-CRYPT}$5$QKsZmqCCdajWYC34$kDCt9GHRDXwDROKkH1O7eXjOqsEyYiBaMmYeNoL4dy"
                     "3"},
    {"SHA512-CRYPT", "{SHA512-CRYPT}$6$o08baywy5rIkXxY/$sIrjDDvlUaPIgTzx7ieQqNb9QW8Y8.0vqQ/4FsfZ/c"
                     "42F5loR2ko1DIYsrCnig9eg/VstqsTgDamJXQ8gk.Fk0"},
    {"BLF-CRYPT", "{BLF-CRYPT}$2y$05$KsgggYFygr6paUfyXBBGJ.tcviba/mUmRgv/NUBpbewwygbGaze6K"},
    {"BLF-CRYPT", "{CRYPT}$2y$05$/gZvyYXzMOEW2.QQUG.7ZuJomAkJZKLncPlGUueYAzlMZvIL2UceW"},
    {"ARGON2ID", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$xlIQ/JVYe/hYNizgTPBZPA$52ADMx7xujUsASWC+"
                 "UXuXp5rzXiHao+73cagwE1UlK4"},
    {"ARGON2I", "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$UHsjXIFBJVF0JqwaBy6XgA$"
                "51UMYcLvV60LjZF8RjA29zavOrmBXzNobcBHKpvFKO4"},
    {"PBKDF2", "{PBKDF2}$1$8Fyl1tbT9Afpb8cT$5000$324f83a6831f46ac353cff88203fc28447b7d2b7"},
    {"SCRAM-SHA-256", "{SCRAM-SHA-256}4096,pYw2N1FxPJ+kvBkfh2jpoQ==,ssKhbXLfz9fYBQwwfeguIoIoOgXZ4ua"
                      "QAZ1WwoDQ8Vg=,MQMNs+u0R4WrmK7WOetxdiiRenlfF1kCTauwp3h6HHw="},
    /* The salt and password of RFC 7677 3; keys by python's hashlib and hmac. */
    {"SCRAM-SHA-256", "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpc"
                      "XkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="},
    /* By python's crypt module, on libxcrypt 4.4.33. */
    {"YESCRYPT", "$y$j9T$abcdefghijklmnop$EUfgOvTaLrKx87aYb7xDnngz.JEcWbLILGShVqEeRZ1"},
    {"YESCRYPT", "{CRYPT}$y$j75$saltsalt$o2gXFxBM7mhtEM8a8zhzk4Y6PnNRiSjgCeVNxKApSc8"},
    {"SHA512-CRYPT",
     "$6$rounds=1000$saltsalt$bbY.T.ZpN43KapLdmlSbP6MmxBlkMSbhrh.Y1rmY0fYaRO/t.4sKqU"
     "iU.Z8byKf8Oa1yagMn/0fncuHSYrb9h."},
    {"SHA256-CRYPT", "$5$rounds=1234$somesalt$VMKiVmtApDtwb.GAvLN.zXckMObNfX/mdUHHkYODRKB"},
    {"BLF-CRYPT", "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2"},
    {"BLF-CRYPT", "$2a$05$abcdefghijklmnopqrstuu680Yiaj5hFUaJTH/rTAcbA2PQEGfiZu"},
    {"MD5-CRYPT", "$1$$I9U3L93k1pmqVqSR.zXfQ0"},
    /* Two of the above beside each other: our own form. */
    {"SHA512-CRYPT", "{SHA512-CRYPT}$6$rounds=1000$saltsalt$bbY.T.ZpN43KapLdmlSbP6MmxBlkMSbhrh."
                     "Y1rmY0fYaRO/t.4sKqUiU."
                     "Z8byKf8Oa1yagMn/0fncuHSYrb9h. "
                     "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4U"
                     "o7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="},
};

#endif
