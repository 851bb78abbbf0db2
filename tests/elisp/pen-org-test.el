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

(ert-deftest pen-org-test-a-wrong-value-names-its-property ()
  (pen-org-test-with "* A
:PROPERTIES:
:PEN_TEMPERATURE: hot
:END:
text"
    (should (string-prefix-p "PEN_TEMPERATURE is "
                             (cadr (should-error (pen-org-arguments) :type 'user-error))))))

(ert-deftest pen-org-test-a-cell-ends-neither-its-row-nor-its-column ()
  (should (equal (pen-org-cell " a |\n b ") "a \\vert{} b")))

(provide 'pen-org-test)
;;; pen-org-test.el ends here
