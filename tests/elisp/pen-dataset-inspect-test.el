;;; pen-dataset-inspect-test.el --- A look at a training set that is there -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)
(require 'pen-dataset-inspect)

(defconst pen-dataset-inspect-test-checked
  '(:path "/tmp/puns.jsonl" :built nil :train 2 :valid 0 :errors 1 :table "      ntokens\nmean        3\n"
    :findings ((:level error :message "No completion." :where "puns.jsonl:2" :hint nil))
    :rows ((:side train :where "puns.jsonl:1" :members nil
            :segments ((:text "one" :weight 0 :tokens 1) (:text "two" :weight 1 :tokens 1)))))
  "What the service says of a training file.")

(defmacro pen-dataset-inspect-test-with (&rest body)
  "Run BODY with a training file FILE and a service that checks it."
  `(let ((file (expand-file-name "puns.jsonl" (make-temp-file "pen-inspect-" t))))
     (write-region "{}\n{}\n" nil file nil 'silent)
     (unwind-protect
         (pen-rpc-fake-with
             (list (list "datasets-check" 'events
                         (list 'done :reason 'finished :value pen-dataset-inspect-test-checked))
                   (list "datasets-cost" 'value '(:table "       Cost per epoch\nAda            2.41\n")))
           (save-window-excursion ,@body))
       (delete-directory (file-name-directory file) t))))

(ert-deftest pen-dataset-inspect-test-shows-rows-findings-and-cost ()
  (pen-dataset-inspect-test-with
   (pen-dataset-inspect file :show t)
   (pen-rpc-fake-settle)
   (should (string-prefix-p "/tmp/puns.jsonl    2 rows (train 2, valid 0)    no build    1 error\n"
                            (pen-fixture-text)))
   (should (string-match-p "Ada +2.41" (pen-fixture-text)))
   (pen-fixture-press "n")
   (pen-fixture-press "RET")
   (should (equal buffer-file-name file))
   (should (= 2 (line-number-at-pos)))
   (kill-buffer)
   (with-current-buffer "*pen-dataset*"
     (goto-char (point-min))
     (search-forward "one")
     (should-error (pen-fixture-press "d") :type 'user-error)
     (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
     (kill-buffer))))

(ert-deftest pen-dataset-inspect-test-lisp-form-returns-what-was-found ()
  (pen-dataset-inspect-test-with
   (let ((found (pen-dataset-inspect file :prompt "answer")))
     (should (equal (plist-get found :errors) 1))
     (should (equal (plist-get found :records) 2))
     (should (equal (pen-rpc-fake-last "datasets-check") (list :path file :prompt "answer"))))))

(ert-deftest pen-dataset-inspect-test-a-builds-directory-is-checked-whole ()
  (pen-dataset-inspect-test-with
   (pen-dataset-inspect (file-name-directory file))
   (should (equal (pen-rpc-fake-last "datasets-check")
                  (list :path (directory-file-name (file-name-directory file)))))))

(provide 'pen-dataset-inspect-test)
;;; pen-dataset-inspect-test.el ends here
