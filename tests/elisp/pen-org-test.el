;;; pen-org-test.el --- Properties of an entry as arguments -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'org)
(require 'pen-org)

(defmacro pen-org-test-with (text &rest body)
  "Run BODY in an org buffer with TEXT, point at its end."
  (declare (indent 1))
  `(with-temp-buffer
     (insert ,text)
     (delay-mode-hooks (org-mode))
     ,@body))

(ert-deftest pen-org-test-properties-are-inherited-and-typed ()
  (pen-org-test-with "#+PROPERTY: PEN_MODEL pen-tiny
* Puns
:PROPERTIES:
:PEN_TEMPERATURE: 0.9
:PEN_WEIGHTS: 0.3 0.7
:END:
** More
:PROPERTIES:
:PEN_MAX_TOKENS: 40
:PEN_STOP: \"\\n\\n\" \" END\"
:PEN_SPLIT: 0.2
:END:
here"
    (should (equal (pen-org-arguments)
                   '(:model "pen-tiny" :temperature 0.9 :max-tokens 40
                            :stop ("\n\n" " END") :loss-weights (0.3 0.7) :split "0.2")))))

(ert-deftest pen-org-test-the-nearer-entry-wins-and-an-argument-over-all ()
  (pen-org-test-with "* A
:PROPERTIES:
:PEN_MODEL: far
:PEN_PROMPT: fable
:END:
** B
:PROPERTIES:
:PEN_MODEL: near
:END:
"
    (should (equal (pen-org-arguments) '(:model "near" :prompt "fable")))
    (should (equal (pen-org-arguments '(:model nil :n 3)) '(:model nil :n 3 :prompt "fable")))
    (should (equal (pen-org-arguments nil '(:model :temperature)) '(:model "near")))))

(ert-deftest pen-org-test-narrowing-hides-no-property ()
  (pen-org-test-with "* A
:PROPERTIES:
:PEN_PROMPT: fable
:END:
** B
text"
    (narrow-to-region (line-beginning-position) (point-max))
    (should (equal (pen-org-arguments) '(:prompt "fable")))))

(ert-deftest pen-org-test-elsewhere-there-are-none ()
  (with-temp-buffer
    (insert "* A\n:PROPERTIES:\n:PEN_MODEL: x\n:END:\n")
    (should (equal (pen-org-arguments '(:n 1)) '(:n 1)))))

(ert-deftest pen-org-test-a-wrong-value-is-said-with-its-name ()
  (dolist (each '(("PEN_TEMPERATURE" "hot" number) ("PEN_MAX_TOKENS" "1.5" integer)
                  ("PEN_WEIGHTS" "a b" numbers) ("PEN_WEIGHTS" " " numbers)
                  ("PEN_STOP" "\"\\n" texts) ("PEN_STOP" "\"a\" (b)" texts)))
    (pcase-let ((`(,name ,text ,type) each))
      (let ((err (should-error (pen-org-value text type name) :type 'user-error)))
        (should (string-prefix-p name (cadr err)))
        (should (string-match-p "; write " (cadr err)))))))

(provide 'pen-org-test)
;;; pen-org-test.el ends here
