;;; pen-batch-arguments-test.el --- What scripts are given -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-batch)
(require 'pen-batch-arguments)

(ert-deftest pen-batch-arguments-test-leading-dashes-are-dropped ()
  (let ((command-line-args-left '("--" "puns" "--n=3")))
    (should (equal (pen-batch-arguments) '("puns" "--n=3")))
    (should-not command-line-args-left)))

(ert-deftest pen-batch-arguments-test-options-stand-anywhere-with-or-without-an-equals-sign ()
  (should (equal (pen-batch-arguments-parse '("--n=3" "puns" "--model" "m" "one\ntwo" "--json")
					    pen-batch--complete-options)
                 '((:n 3 :model "m" :json t) "puns" "one\ntwo"))))

(ert-deftest pen-batch-arguments-test-after-a-second-double-dash-nothing-is-an-option ()
  (should (equal (pen-batch-arguments-parse '("puns" "--" "--n" "x") pen-batch--complete-options)
                 '(nil "puns" "--n" "x"))))

(ert-deftest pen-batch-arguments-test-wrong-options-are-refused ()
  (dolist (arguments '(("--nn" "3") ("--n" "three") ("--n") ("--temperature" "hot")
                       ("--json=no") ("--json=")))
    (should-error (pen-batch-arguments-parse arguments pen-batch--complete-options)
                  :type 'user-error)))

(ert-deftest pen-batch-arguments-test-a-choice-is-a-symbol ()
  (should (equal (pen-batch-arguments-parse '("--tune" "lora") pen-batch--finetune-options)
                 '((:tune lora)))))

(ert-deftest pen-batch-arguments-test-without-a-locale-arguments-are-utf-8 ()
  (let ((command-line-args-left (list "--" "\303\274n\303\257" (string-to-multibyte "a\303\244")
                                      "pl\u00e4in" "ascii")))
    (should (equal (pen-batch-arguments) '("\u00fcn\u00ef" "a\u00e4" "pl\u00e4in" "ascii")))))

(ert-deftest pen-batch-arguments-test-files-are-found-from-where-the-script-stands ()
  (let ((default-directory "/tmp/"))
    (should (equal (pen-batch-arguments-parse '("--valid" "v.jsonl" "--prompt" "mine.yaml" "f")
                                              pen-batch--finetune-options)
                   '((:valid "/tmp/v.jsonl" :prompt "/tmp/mine.yaml") "f")))
    (should (equal (pen-prompt-absolute "prompts/mine") "/tmp/prompts/mine"))
    (should (equal (pen-prompt-absolute "pun-complete") "pun-complete"))))

(ert-deftest pen-batch-arguments-test-a-number-below-zero-is-one ()
  (should (equal (pen-batch-arguments-parse '("--seed" "-3" "--temperature=-1") pen-batch--complete-options)
                 '((:seed -3 :temperature -1)))))

(ert-deftest pen-batch-arguments-test-help-says-what-each-option-is ()
  (dolist (options (list pen-batch--complete-options pen-batch--finetune-options
                         pen-batch--dataset-options pen-batch--org-options))
    (dolist (line (split-string (pen-batch-arguments-help options) "\n" t))
      (should (string-match-p "\\`\\(?:  --[a-z-]+ \\| \\{39\\}\\).*[a-z]\\{3\\}" line))
      (should-not (string-match-p "nil" line)))))

(ert-deftest pen-batch-arguments-test-every-meaning-stands-in-its-column ()
  (let ((lines (split-string (pen-batch-arguments-help pen-batch--finetune-options) "\n" t)))
    (should (member "  --seed INTEGER                       the only randomness" lines))
    (should (member (concat (make-string 39 ?\s) "who reads the source") lines))))

(ert-deftest pen-batch-arguments-test-a-parameter-is-called-as-it-was-typed ()
  (pen-batch-arguments-parse '("--n-epochs" "0" "--seed=1" "--valid-share" "3") pen-batch--finetune-options)
  (pcase-dolist (`(,text ,said)
                 '(("n_epochs: expected a number" "--n-epochs: expected a number")
                   ("seed: expected a number" "--seed: expected a number")
                   ("valid_share cannot be 3. `valid_share' is one" "--valid-share cannot be 3. --valid-share is one")
                   ("the seed is odd" "the seed is odd")
                   ("a/n_epochs.org:3: my_n_epochs" "a/n_epochs.org:3: my_n_epochs")
                   ("max_tokens: expected" "max_tokens: expected")))
    (should (equal (pen-batch-arguments-wording text) said))))

(provide 'pen-batch-arguments-test)
;;; pen-batch-arguments-test.el ends here
