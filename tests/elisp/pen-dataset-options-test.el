;;; pen-dataset-options-test.el --- Options as texts and as values -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'seq)
(require 'pen-rpc-methods)
(require 'pen-dataset-options)

(ert-deftest pen-dataset-options-test-options-are-typed ()
  (should (equal (pen-dataset-option-value '(:n-epochs integer) "3") 3))
  (should (equal (pen-dataset-option-value '(:learning-rate number) "1e-4") 1e-4))
  (should-not (pen-dataset-option-value '(:model string) " "))
  (should-error (pen-dataset-option-value '(:n-epochs integer) "3.5") :type 'user-error))

(ert-deftest pen-dataset-options-test-are-written-as-they-are-read ()
  (dolist (case '((:loss-weights (0.3 0.7)) (:anonymise t) (:n-epochs 2) (:schedule linear)
                  (:completion-prompts ("Why so?" "How?\n")) (:suffix "puns")))
    (let* ((option (assq (car case) pen-dataset-all-options))
           (text (pen-dataset-option-text (cadr case))))
      (should (equal (pen-dataset-option-value option text) (cadr case))))))

;; What is in the table is what the service takes: nothing is missing, and no type differs.
(ert-deftest pen-dataset-options-test-are-those-of-the-service ()
  (pcase-dolist (`(,method ,options ,others)
                 `((pen-rpc-datasets-plan ,pen-dataset-options (:text :path :source :edits :out :project))
                   (pen-rpc-jobs-launch ,pen-dataset-launch-options (:plan :confirmed))))
    (let* ((asked nil)
           (parameters (cl-letf (((symbol-function 'pen-rpc-invoke)
                                  (lambda (_ parameters &rest _) (setq asked parameters))))
                         (funcall method)
                         asked)))
      (should (equal (sort (mapcar #'car options) #'string<)
                     (sort (seq-difference (mapcar #'car parameters) others) #'string<)))
      (dolist (option options)
        (unless (memq (car option) '(:reader))
          (let ((value (pcase (cadr option)
                         ('integer 3) ('number 0.5) ('numbers '(0.5)) ('texts '("x"))
                         ('boolean t) ((or 'string 'file) "x") (choices (car choices)))))
            (should (pen-rpc-type-p (nth 1 (assq (car option) parameters)) value))))))))

(provide 'pen-dataset-options-test)
;;; pen-dataset-options-test.el ends here
