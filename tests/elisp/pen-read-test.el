;;; pen-read-test.el --- Names in the minibuffer -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-read)
(require 'pen-model)

(defmacro pen-read-test-asking (answer &rest body)
  "Run BODY, in which `completing-read' gets ANSWER after the service has said all.
BODY sees the table that it asked with as `table'."
  (declare (indent 1) (debug t))
  `(let ((table nil) (pen-read--names (make-hash-table)))
     (cl-letf (((symbol-function 'completing-read)
                (lambda (_ asked &rest _)
                  (setq table asked)
                  (pen-rpc-fake-settle)
                  ,answer)))
       (ignore table)
       ,@body)))

(defconst pen-read-test-models
  '((:id "ft:new" :base "pen-tiny" :kind "lora" :created-at 1700000000 :prompt "puns"
         :loss 2.3456 :parameters 21000)
    (:id "pen-tiny" :base nil :kind "base" :created-at 0 :prompt nil :loss nil
         :parameters 5800000)
    (:id "ft:nan" :base "pen-tiny" :kind "full" :created-at 0 :loss 0.0e+NaN))
  "Models as the service lists them.")

(ert-deftest pen-read-test-models-are-annotated ()
  (pen-rpc-fake-with (list (list "models-list" 'value pen-read-test-models))
    (pen-read-test-asking "ft:new"
      (should (equal (pen-read-model) "ft:new"))
      (let ((metadata (cdr (funcall table "" nil 'metadata)))
            (pen-default-model "ft:new"))
        (should (eq (alist-get 'category metadata) 'pen-model))
        (should (equal (funcall table "ft:" nil t) '("ft:new" "ft:nan")))
        (let ((rows (cl-letf (((symbol-function 'frame-width) (lambda (&rest _) 120)))
                      (funcall (alist-get 'affixation-function metadata)
                               '("ft:new" "pen-tiny" "ft:nan")))))
          (should (equal (substring-no-properties (nth 2 (nth 0 rows)))
                         (format "    from pen-tiny  %s  for puns  loss 2.346  21 k parameters"
                                 (format-time-string "%F %R" 1700000000))))
          (should (equal (substring-no-properties (nth 2 (nth 1 rows)))
                         "  base  5.8 M parameters"))
          (should (string-suffix-p "loss NaN" (substring-no-properties (nth 2 (nth 2 rows))))))))))

(ert-deftest pen-read-test-a-line-fits-into-the-frame-and-names-a-model-of-its-own ()
  (let* ((long (make-string 300 ?x))
         (rows (pen-read--affixed
                (list (cons "a" (pen-read--prompt-affixes
                                 (list :arity 1 :model "big" :description long)))
                      '("bcd" "" ""))
                '("a" "bcd")))
         (after (substring-no-properties (nth 2 (car rows)))))
    (should (string-prefix-p "    /1  big  xxx" after))
    (should (<= (+ 3 (length after)) (frame-width)))))

(ert-deftest pen-read-test-a-base-is-not-made-from-itself ()
  (should (equal (nth 1 (pen-read--model-affixes '(:id "pen-tiny" :base "pen-tiny" :kind "base")))
                 "  base")))

(ert-deftest pen-read-test-the-model-that-was-chosen-is-marked ()
  (let ((pen-default-model "ft:new"))
    (should (equal (car (pen-read--model-affixes '(:id "ft:new" :kind "lora"))) "* "))
    (should (equal (car (pen-read--model-affixes '(:id "other" :kind "lora"))) "  "))))

(ert-deftest pen-read-test-the-minibuffer-opens-before-the-service-has-said-anything ()
  (pen-rpc-fake-with '(("models-list" hang) ("prompts-list" hang))
    (pen-read-test-asking ""
      (should-not (pen-read-model))
      (should-not (funcall table "" nil t)))))

(ert-deftest pen-read-test-a-chosen-model-answers-until-another-is ()
  (pen-rpc-fake-with '(("models-list" hang))
    (let ((pen-default-model nil))
      (should (equal (pen-choose-model "ft:new") "ft:new"))
      (should (equal pen-default-model "ft:new"))
      (pen-read-test-asking "the newest tuned"
        (should (string-match-p "newest model tuned"
                                (pen-fixture-said (call-interactively #'pen-choose-model)))))
      (should-not pen-default-model))))

(ert-deftest pen-read-test-a-model-is-chosen-once-the-service-knows-it ()
  (pen-rpc-fake-with '(("models-list" hang) ("models-show" value (:id "ft:new")))
    (let ((pen-default-model "old"))
      (pen-read-test-asking "ft:new"
        (should (equal "ft:new answers from now on"
                       (pen-fixture-said
                        (call-interactively #'pen-choose-model)
                        (should (equal pen-default-model "old"))
                        (pen-fixture-until (lambda () (equal pen-default-model "ft:new")))))))
      (should (equal (pen-rpc-fake-last "models-show") '(:id "ft:new"))))))

(ert-deftest pen-read-test-a-model-that-nobody-knows-is-not-chosen ()
  (pen-rpc-fake-with '(("models-list" hang)
                       ("models-show" error not-found "There is no model 'x'." :hint "There are: y."))
    (let ((pen-default-model "old"))
      (pen-read-test-asking "x"
        (should (equal "There is no model 'x'. There are: y."
                       (pen-fixture-said
                        (call-interactively #'pen-choose-model)
                        (pen-rpc-fake-settle)))))
      (should (equal pen-default-model "old")))))

(ert-deftest pen-read-test-a-name-that-was-not-heard-of-asks-for-another-key ()
  (pen-rpc-fake-with (list (list "models-list" 'value pen-read-test-models)
                           (list "jobs-list" 'value nil))
    (cl-letf* ((asked nil)
               ((symbol-function 'completing-read)
                (lambda (_ _ _ match &rest _) (push match asked) "")))
      (pen-read-model)
      (pen-read-job-id)
      (pen-read-prompt-name nil)
      (should (equal asked '(nil confirm confirm))))))

(ert-deftest pen-read-test-a-forced-model-is-told-of ()
  (pen-rpc-fake-with '(("models-list" hang) ("models-show" value (:id "small")))
    (let ((pen-default-model nil) (pen-force-engine "big"))
      (pen-read-test-asking "small"
        (should (string-match-p "`?.pen-force-engine.? makes big answer"
                                (pen-fixture-said
                                 (call-interactively #'pen-choose-model)
                                 (pen-fixture-until (lambda () pen-default-model)))))))))

(provide 'pen-read-test)
;;; pen-read-test.el ends here
