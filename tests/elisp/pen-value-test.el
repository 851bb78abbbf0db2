;;; pen-value-test.el --- Tests of what a person wrote, as a value -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-value)

(ert-deftest pen-value-test-a-text-becomes-what-its-type-says ()
  (pcase-dolist (`(,text ,type ,value)
                 '(("a b" string "a b") ("60" integer 60) ("-3" integer -3) (".5" number 0.5) ("1e-4" number 1e-4)
                   ("0.3, 0.7" numbers (0.3 0.7)) ("[1 2]" numbers (1 2))
                   ("Why not?" texts ("Why not?"))
                   ("\"Why?\" \"How \\\"so\\\"?\"" texts ("Why?" "How \"so\"?"))
                   ("\"a\",\"b\"" texts ("a" "b"))
                   ("Yes" boolean t) ("no" boolean nil) ("lora" (full lora) lora)))
    (should (equal (pen-value text type "x") value))))

(ert-deftest pen-value-test-a-wrong-value-is-said-with-its-name ()
  (pcase-dolist (`(,name ,text ,type)
                 '(("PEN_TEMPERATURE" "hot" number) ("PEN_MAX_TOKENS" "1.5" integer)
                   ("PEN_WEIGHTS" "a b" numbers) ("PEN_WEIGHTS" " " numbers)
                   ("PEN_STOP" "\"\\n" texts) ("PEN_STOP" "\"a\" (b)" texts)
                   ("tune" "half" (full lora)) ("anonymise" "perhaps" boolean)))
    (let ((err (should-error (pen-value text type name) :type 'user-error)))
      (should (string-prefix-p name (cadr err)))
      (should (string-match-p "; write " (cadr err))))))

(provide 'pen-value-test)
;;; pen-value-test.el ends here
